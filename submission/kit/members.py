"""The members of a submission, each loaded when it is first needed and let go when it is no longer."""

from __future__ import annotations  # platforms run Python 3.9

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .errors import KitError
from .manifest import Manifest
from .member import Member
from .memory import free_bytes

_LOAD_FACTOR = 4  # times its files that a member takes while it is loaded: freezing holds the weights several times


class Members:
    """Call `get`; nothing is loaded before.

    Args:
        folder: an unpacked submission.
        manifest: its manifest.
        load: folder of a member -> callable on uint8 (n, H, W, C), with `image_shape` and `num_classes`.
        free: bytes that may still be taken, or None.
        clock: for the time that loading takes.

    Raises:
        KitError: folders are missing; all are named.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        load: Callable[[Path], Any] = Member,
        free: Callable[[], int | None] = free_bytes,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._folders = [folder / path for path in manifest.member_paths]
        self._expected = (manifest.image_shape, len(manifest.class_names))
        self._load, self._free, self._clock = load, free, clock
        self._loaded: dict[int, Any] = {}
        self._slowest = (0.0, 1)  # seconds and bytes of the load that took longest
        self._sizes = [sum(path.stat().st_size for path in one.rglob("*") if path.is_file()) for one in self._folders]
        missing = [str(one) for one, size in zip(self._folders, self._sizes) if not size]  # noqa: B905 (Python 3.9)
        if missing:
            raise KitError(f"expected a SavedModel with the signature serving_default in {', '.join(missing)}: none")

    def get(self, m: int) -> Any:
        """Member m, loaded now if it was not.

        Raises:
            KitError: it is damaged, or takes other images or classes than the manifest says.
        """
        if m not in self._loaded:
            if self._load is Member:
                import tensorflow  # noqa: F401  (its seconds are no member's)
            started = self._clock()
            member = self._load(self._folders[m])
            found = (tuple(member.image_shape), member.num_classes)
            if found != self._expected:
                raise KitError(
                    f"expected {self._folders[m].parent.name}/{self._folders[m].name} to take images "
                    f"{self._expected[0]} and return {self._expected[1]} classes. Received: {found[0]}, {found[1]}"
                )
            self._loaded[m] = member
            self._slowest = max(self._slowest, (self._clock() - started, self._sizes[m]))
        return self._loaded[m]

    def is_loaded(self, m: int) -> bool:
        return m in self._loaded

    def load_s(self, m: int) -> float:
        """Seconds that loading will take: as the longest so far, longer for more bytes; 0 for what is loaded."""
        seconds, size = self._slowest
        return 0.0 if m in self._loaded else seconds * max(1.0, self._sizes[m] / size)

    def has_room_for(self, m: int) -> bool:
        """Whether there is the memory to load member m, as far as can be known."""
        free = self._free()
        return m in self._loaded or free is None or free >= _LOAD_FACTOR * self._sizes[m]

    def keep_only(self, wanted: set[int]) -> None:
        """Let go of all others; they are loaded again when they are needed again."""
        self._loaded = {m: member for m, member in self._loaded.items() if m in wanted}
