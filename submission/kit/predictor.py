"""The ensemble of a submission: streams images through members and views, within the platform's time and memory."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .adapt import adapt_prior
from .adapt_norm import PRIOR_IMAGES, adapt_members
from .blend import temper
from .budget import Costs, Deadline, Pass, find_limit_s
from .image_input import ImageInput, batches
from .manifest import read_manifest
from .member import Member
from .members import Members
from .memory import free_bytes
from .passes import Passes
from .symmetry import contiguous
from .tta import get_view

_LOG = logging.getLogger("kit")  # warnings reach the platform's log without any setting


@dataclass(frozen=True)
class Answer:
    """How the last prediction came about.

    done, dropped: passes as (member's name, view's name), in the order of running; unanswered: images at the end that
    got the classes' shares instead of a net's probabilities; notes: what was adapted to the images, and what not, why.
    """

    done: list[tuple[str, str]]
    dropped: list[tuple[str, str]]
    unanswered: int
    batch_size: int
    seconds: float
    limit_s: float | None
    notes: list[str] = field(default_factory=list)


class Predictor:
    """Predicts with the members, views and weights of `folder`/manifest.json.

    Peak memory does not grow with the number of images, but for the K probabilities of each (and 64 MiB of such while
    passes are under way): views are made lazily, one at a time, of one batch. Equal images in equal batches on one
    machine and one TensorFlow give equal results; another machine or version may differ by rounding.

    With a limit of time (manifest's limit_s or KIT_LIMIT_S) each call returns within it: passes that do not fit are
    left out for all images alike (`kit.passes`), with a warning and in `answer`. Time counts from the making of the
    predictor in the first call, from the call in later ones: a platform that calls often within one limit needs
    KIT_LIMIT_S.
    Without a limit and with adapt null an image's result depends on no other image.

    Args:
        folder: an unpacked submission (manifest.json, members/).
        batch_size: images a batch; 128 instead of 64 is 2 to 9 % faster (96x96, 2 cores) for twice the memory.
        limit_s: instead of the manifest's and KIT_LIMIT_S.
        load, clock, free: of `Members` and `Deadline`; for tests.

    Raises:
        KitError: the manifest or a member is missing, or they do not fit together. Only the first member is loaded at
            once; what is wrong with the others is told when they are needed.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        batch_size: int = 64,
        limit_s: float | None = None,
        load: Callable[[Path], Any] = Member,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[], int | None] = free_bytes,
    ):
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1. Received: {batch_size}")
        started = clock()
        self.folder = Path(folder)
        self.batch_size = batch_size
        self.answer: Answer | None = None
        self._manifest = manifest = read_manifest(self.folder / "manifest.json")
        self.class_names, self.image_shape, self.views = manifest.class_names, manifest.image_shape, manifest.views
        self.member_names, self.temperatures = manifest.member_names, manifest.temperatures
        self.weights_mv = manifest.weights_mv
        self._limit_s = find_limit_s(manifest.limit_s) if limit_s is None else limit_s
        self._clock, self._free = clock, free
        self._costs = Costs()
        self._members = Members(self.folder, manifest, load, free, clock)
        self._members.get(manifest.order[0][0])
        self._startup_s = clock() - started

    @property
    def engines(self) -> list[str]:
        """What runs each member, "tflite" or "savedmodel"; a member not needed yet is loaded to tell."""
        return [self._members.get(m).engine for m in range(len(self.member_names))]

    def predict(self, images: Any) -> np.ndarray:
        """Class indices int64 (n,) of images (n, H, W, C); for what is accepted see `image_input.ImageInput`."""
        return self.predict_probs(images).argmax(-1).astype(np.int64)

    def predict_probs(self, images: Any) -> np.ndarray:
        """Blended probabilities float32 (n, K); a member and view of weight 0 is not run."""
        deadline = Deadline(self._limit_s, self._clock, self._startup_s)
        self._startup_s = 0.0
        checked = ImageInput(images, self.image_shape, self.batch_size)
        adapted, notes = self._adapt_members(checked, deadline)
        passes = Passes(
            self._manifest, self._members, self._costs, deadline, self.batch_size, adapted, self._clock, self._free
        )
        blended = passes.blend(checked)
        probs_nk = self._scaled(blended.sums_nk, blended.done, blended.answered)
        if (self._manifest.adapt or {}).get("prior") and blended.answered == len(checked):
            probs_nk, note = adapt_prior(probs_nk, self._manifest)
            notes.append(note)
        dropped = [one for one in self._manifest.order if one not in blended.done]
        self._members.keep_only({m for m, _ in blended.done} | {self._manifest.order[0][0]})
        self.answer = Answer(
            self._named(blended.done),
            self._named(dropped),
            len(checked) - blended.answered,
            passes.batch_size,
            deadline.used_s(),
            self._limit_s,
            notes,
        )
        self._warn(self.answer)
        return probs_nk.astype(np.float32)

    def predict_table(self, images: Any) -> np.ndarray:
        """Every member's and view's own probabilities, float32 (M, V, n, K), neither tempered nor weighted.

        All of them, whatever time that takes.
        """
        empty = np.empty((*self.weights_mv.shape, 0, len(self.class_names)), np.float32)
        return np.concatenate([empty, *self._tables(images)], axis=2)

    def _tables(self, images: Any) -> Iterator[np.ndarray]:
        """Yield (M, V, n, K) for each batch."""
        views = [get_view(name) for name in self.views]
        for batch in batches(images, self.image_shape, self.batch_size):
            table = np.zeros((*self.weights_mv.shape, len(batch), len(self.class_names)), np.float32)
            for v, make in enumerate(views):
                view = contiguous(make(batch))  # once for all members
                for m in range(len(table)):
                    table[m, v] = self._members.get(m)(view)
            yield table

    def _adapt_members(self, images: ImageInput, deadline: Deadline) -> tuple[dict[int, Any], list[str]]:
        """Member's number -> callable in its place, and notes; nothing unless the manifest asks for it."""
        wish = (self._manifest.adapt or {}).get("batch_norm")
        if not wish:
            return {}, []
        numbers = list(dict.fromkeys(m for m, _ in self._manifest.order))
        folders = {self.member_names[m]: self.folder / self._manifest.member_paths[m] for m in numbers}
        prior_images = wish.get("prior_images", PRIOR_IMAGES) if isinstance(wish, dict) else PRIOR_IMAGES
        made, notes = adapt_members(folders, images, self.batch_size, prior_images, deadline.left_s)
        return {m: made[self.member_names[m]].predict for m in numbers if self.member_names[m] in made}, notes

    def _scaled(self, sums_nk: np.ndarray, done: list[Pass], answered: int) -> np.ndarray:
        """Sums to probabilities, float64 (n, K)."""
        probs_nk = sums_nk
        if len(done) < len(self._manifest.order):
            probs_nk = probs_nk / (sum(self.weights_mv[one] for one in done) or 1.0)
        if answered < len(probs_nk):
            shares = probs_nk[:answered].mean(0) if answered else np.full(len(self.class_names), 1.0)
            prior = self._manifest.class_prior if self._manifest.class_prior is not None else shares
            probs_nk[answered:] = prior / prior.sum()
        if self._manifest.pool_temperature != 1 and len(probs_nk):
            probs_nk = temper(probs_nk, self._manifest.pool_temperature)
        return probs_nk

    def _named(self, passes: list[Pass]) -> list[tuple[str, str]]:
        return [(self.member_names[m], self.views[v]) for m, v in passes]

    def _warn(self, answer: Answer) -> None:
        if answer.dropped:
            total = len(answer.done) + len(answer.dropped)
            limit = f"a limit of {answer.limit_s:g} s" if answer.limit_s is not None else "the memory"
            _LOG.warning(
                "%d of %d passes were left out for all images, for %s: %s",
                len(answer.dropped), total, limit, ", ".join(f"{m} {v}" for m, v in answer.dropped),
            )  # fmt: skip
        if answer.unanswered:
            _LOG.warning("time ran out: the last %d images got the classes' shares", answer.unanswered)
        for note in answer.notes:
            _LOG.warning("%s", note)
