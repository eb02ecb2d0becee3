"""What a run takes of a cluster's node, by its recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from submission.kit.errors import KitError

from ..recipes import RECIPES

CPUS, GPUS, MEMORY = "cpus", "gpus", "mem_gb"
NAMES = (CPUS, GPUS, MEMORY)


@dataclass(frozen=True)
class Resources:
    """Of one run: cores, GPUs (a part of one, such as 0.25, lets four runs share it), memory."""

    cpus: float
    gpus: float
    mem_gb: float

    def fit(self, node: Mapping[str, float]) -> int:
        """How many such runs a node has room for.

        Args:
            node: its CPU, GPU and memory (bytes), by Ray's names.
        """
        room = node.get("CPU", 0.0) // self.cpus
        if self.gpus:
            gpus = node.get("GPU", 0.0)
            # parts of one GPU cannot be joined with parts of another
            room = min(room, gpus // self.gpus if self.gpus >= 1 else gpus * (1 // self.gpus))
        if self.mem_gb:
            room = min(room, node.get("memory", 0.0) // self.num_bytes)
        return int(room)

    @property
    def num_bytes(self) -> int:
        return int(self.mem_gb * (1 << 30))

    def told(self) -> str:
        """For messages."""
        return f"{CPUS}={self.cpus:g} {GPUS}={self.gpus:g} {MEMORY}={self.mem_gb:g}"


def of_node(node: Mapping[str, float]) -> Resources:
    """All that a node has, by Ray's names; memory to a tenth of a gigabyte."""
    return Resources(node.get("CPU", 0.0), node.get("GPU", 0.0), round(node.get("memory", 0.0) / (1 << 30), 1))


@dataclass(frozen=True)
class Demands:
    """What was asked for: by name, and by (recipe, name), which goes before."""

    common: dict[str, float] = field(default_factory=dict)
    by_recipe: dict[tuple[str, str], float] = field(default_factory=dict)

    def of(self, recipe: str, has_gpus: bool) -> Resources:
        """Of a run: one core and, where the cluster has any, one GPU, unless something else was asked for.

        Args:
            recipe: its name.
            has_gpus: whether any node has a GPU.
        """
        defaults = {CPUS: 1.0, GPUS: float(has_gpus), MEMORY: 0.0}
        return Resources(*(self.by_recipe.get((recipe, name), self.common.get(name, defaults[name])) for name in NAMES))


def parse_demands(texts: Sequence[str], threads: int | None) -> Demands:
    """Demands of texts such as "cpus=2", "gpus=0.5", "convnext_tiny.gpus=1", "convnext_tiny.mem_gb=12".

    Args:
        texts: NAME=NUMBER or RECIPE.NAME=NUMBER.
        threads: cores of each run, if they were asked for so.

    Raises:
        KitError: none of these names, no such recipe, or a number that is none.
    """
    common: dict[str, float] = {} if threads is None else {CPUS: float(threads)}
    by_recipe: dict[tuple[str, str], float] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        recipe, dot, name = left.rpartition(".")
        if not equals or name not in NAMES or (dot and recipe not in RECIPES):
            raise KitError(
                f"--ray takes NAME=NUMBER or RECIPE.NAME=NUMBER, with a name of {', '.join(NAMES)} and a recipe of "
                f"`make recipes`. Received: {text!r}."
            )
        number = _number(text, name, value)
        if dot:
            by_recipe[recipe, name] = number
        else:
            common[name] = number
    return Demands(common, by_recipe)


def _number(text: str, name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    whole = number % 1 == 0
    if not (0 <= number < 1e6) or (name == CPUS and (not whole or number < 1)) or (name == GPUS and number > 1 > whole):
        raise KitError(
            f"--ray takes whole cores from 1, GPUs as a part of one or whole ones, gigabytes. Received: {text!r}."
        )
    return number
