"""What an ensemble may cost on the platform, and the part of one that costs no more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from submission.kit.errors import KitError
from submission.kit.files import read_json, sha256_file
from submission.kit.precisions import FLOAT32
from training.runs import WEIGHTS

from .order import gain_order
from .rows import Rows

_CODE_MB = 0.5  # what a zip holds beside its members, unpacked


@dataclass(frozen=True)
class Cost:
    """One member, as measured: ms_per_image of one pass, load_ms, size_mb (10^6 bytes); view_ms: name of a view -> time
    to make it of one image; variants_mb: precision of weights -> size of those that are measured and smaller."""

    ms_per_image: float
    load_ms: float
    size_mb: float
    view_ms: Mapping[str, float] = field(default_factory=dict)
    variants_mb: Mapping[str, float] = field(default_factory=dict)


def read_cost(runs_dir: Path, run: str, precision: str = FLOAT32) -> Cost | None:
    """A run's measured cost; None where there is none, or it is of other weights than the run has now."""
    path = runs_dir / run / "cost.json"
    if not path.is_file():
        return None
    whole = read_json(path, cost_command(runs_dir, [run]))
    variants = whole.get("variants", {})
    value = whole if precision == FLOAT32 else variants.get(precision)
    if value is None:
        return None
    weights = runs_dir / run / WEIGHTS
    if weights.is_file() and value.get("weights_sha256") not in (None, sha256_file(weights)):
        return None
    try:
        view_ms = {name: float(ms) for name, ms in value.get("view_ms", {}).items()}
        size_mb = value["size_bytes"] / 1e6
        sizes = {name: one["size_bytes"] / 1e6 for name, one in variants.items()}
        smaller = {name: mb for name, mb in sizes.items() if mb < size_mb}
        return Cost(float(value["ms_per_image"]), float(value["load_ms"]), size_mb, view_ms, smaller)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise KitError(f"{path} is damaged ({error!r}): run `{cost_command(runs_dir, [run])}`.") from None


def cost_command(runs_dir: Path, runs: Sequence[str], precision: str = FLOAT32) -> str:
    """What measures these runs, to be named in errors."""
    how = "" if precision == FLOAT32 else f" --precision {precision}"
    return f"python -m submission.cost --artifacts {runs_dir.parent} --run {' '.join(runs)}{how}"


@dataclass(frozen=True)
class Limits:
    """max_members: of the ensemble; costs: of the M members, None where not measured; num_images: that the platform
    predicts; usable_s: seconds that may be used for it, None for no limit; limit_mb: of all members, None for none;
    views: V names, whose making counts; without them it is taken to cost nothing."""

    max_members: int
    costs: Sequence[Cost | None] = field(default_factory=list)
    num_images: int = 0
    usable_s: float | None = None
    limit_mb: float | None = None
    views: Sequence[str] = ()

    @property
    def are_known(self) -> bool:
        """Whether every member is measured."""
        return bool(self.costs) and all(self.costs)

    @cached_property
    def pass_s(self) -> list[float] | None:
        """(M,) seconds of one view of all images; None unless all are known."""
        return [cost.ms_per_image * self.num_images / 1e3 for cost in self.costs if cost] if self.are_known else None

    @cached_property
    def load_s(self) -> list[float] | None:
        """(M,) seconds; None unless all are known."""
        return [cost.load_ms / 1e3 for cost in self.costs if cost] if self.are_known else None

    @cached_property
    def view_s(self) -> list[float] | None:
        """(V,) seconds of making each view of all images, an unknown one as the dearest; None without views."""
        if not self.views:
            return None
        known: dict[str, float] = {}
        for cost in self.costs:
            for view, ms in (cost.view_ms if cost else {}).items():
                known[view] = max(ms, known.get(view, 0.0))
        dearest = max(known.values(), default=0.0)
        return [known.get(view, dearest) * self.num_images / 1e3 for view in self.views]

    def seconds(self, weights_mv: np.ndarray) -> float | None:
        """All passes of weight above 0 over all images, loading, and the making of views, each made once for all
        members; None unless all members are known."""
        if self.pass_s is None or self.load_s is None:
            return None
        passes_m = (weights_mv > 0).sum(1)
        seconds = float(passes_m @ np.array(self.pass_s) + (passes_m > 0) @ np.array(self.load_s))
        return seconds + (float((weights_mv > 0).any(0) @ np.array(self.view_s)) if self.view_s is not None else 0.0)

    def size_mb(self, weights_mv: np.ndarray) -> float | None:
        """Of the members of weight above 0 and the code; None unless all members are known."""
        if not self.are_known:
            return None
        sizes = np.array([cost.size_mb for cost in self.costs if cost])
        return float((weights_mv > 0).any(1) @ sizes) + _CODE_MB

    def allow(self, weights_mv: np.ndarray) -> bool:
        """Whether an ensemble costs no more than it may."""
        seconds, size_mb = self.seconds(weights_mv), self.size_mb(weights_mv)
        slow = self.usable_s is not None and (seconds is None or seconds > self.usable_s)
        return not slow and not (self.limit_mb is not None and (size_mb is None or size_mb > self.limit_mb))

    def of_members(self, members: Sequence[int]) -> "Limits":
        """For some of the members alone."""
        return replace(self, costs=[self.costs[m] for m in members] if self.costs else [])

    def of_views(self, names: Sequence[str]) -> "Limits":
        """For other views."""
        return replace(self, views=names)

    def within(self, rows: Rows, weights_mv: np.ndarray) -> np.ndarray:
        """The part of an ensemble that costs no more than it may: by gain per second, whatever still fits; sum 1."""
        if (self.usable_s is None and self.limit_mb is None) or self.allow(weights_mv):
            return weights_mv
        kept = np.zeros_like(weights_mv)
        for m, v in gain_order(rows.label_probs(), rows.shares, weights_mv, self.pass_s, self.load_s, self.view_s):
            kept[m, v] = weights_mv[m, v]
            if not self.allow(kept):
                kept[m, v] = 0
        if not kept.any():  # another member may fit, one that got no weight: the best of those alone
            alone = [m for m in range(len(kept)) if self.allow(_one(kept.shape, m, rows))]
            losses = {m: float(rows.shares @ -np.log(np.maximum(_label_probs(rows, m), 1e-12))) for m in alone}
            kept = _one(kept.shape, min(losses, key=lambda m: losses[m]), rows)
        return kept / kept.sum()


def affordable(
    limits: Limits, names: Sequence[str], num_views: int, runs_dir: Path, precision: str = FLOAT32
) -> list[int]:
    """Numbers of the members of which one pass fits.

    Raises:
        KitError: a limit is given and members are not measured, or not one fits; all are listed, the cheapest first.
    """
    if limits.usable_s is None and limits.limit_mb is None:
        return list(range(len(names)))
    unknown = [name for name, cost in zip(names, limits.costs, strict=True) if cost is None]
    if unknown:
        raise KitError(
            f"--limit-s and --limit-mb need the measured cost of every run. Received: none of today's weights for "
            f"{', '.join(unknown)}. Run `{cost_command(runs_dir, unknown, precision)}` first."
        )
    found = []
    told = []
    for m, name in enumerate(names):
        alone = np.zeros((len(names), num_views))
        alone[m, 0] = 1
        seconds, size_mb = limits.seconds(alone), limits.size_mb(alone)
        assert seconds is not None and size_mb is not None
        told.append((seconds, f"{name}: {seconds:.1f} s, {size_mb:.1f} MB"))
        if limits.allow(alone):
            found.append(m)
    if not found:
        allowed = [f"{limits.usable_s:.1f} s"] if limits.usable_s is not None else []
        allowed += [f"{limits.limit_mb:.1f} MB"] if limits.limit_mb is not None else []
        lines = "\n".join(f"  {text}" for _, text in sorted(told))
        raise KitError(
            f"expected a member whose one view of {limits.num_images} images fits {' and '.join(allowed)} (the limit "
            f"over the safety factor). Received: none; the cheapest first\n{lines}\n"
            f"Train a smaller net, or raise --limit-s or --limit-mb, or lower --safety.{_smaller(limits, names)}"
        )
    return found


def _smaller(limits: Limits, names: Sequence[str]) -> str:
    """The measured variants that meet the limit of size, in words."""
    if limits.limit_mb is None:
        return ""
    fitting = [
        (size_mb, precision, name)
        for name, cost in zip(names, limits.costs, strict=True)
        for precision, size_mb in (cost.variants_mb if cost else {}).items()
        if size_mb + _CODE_MB <= limits.limit_mb
    ]
    if not fitting:
        return " Weights of half or a quarter of the size: python -m submission.cost --precision float16 int8."
    told = ", ".join(f"{name} in {precision} {size_mb:.1f} MB" for size_mb, precision, name in sorted(fitting))
    return f" Smaller, as measured: {told}; name it with --precision here and in python -m submission.export."


def _one(shape: tuple[int, ...], m: int, rows: Rows) -> np.ndarray:
    weights_mv = np.zeros(shape)
    weights_mv[m, rows.views.index("identity") if "identity" in rows.views else 0] = 1
    return weights_mv


def _label_probs(rows: Rows, m: int) -> np.ndarray:
    return rows.label_probs()[m, rows.views.index("identity") if "identity" in rows.views else 0]
