"""Runs the passes of an ensemble over all images and sums them up, as many as time and memory allow.

A pass is one member under one view over ALL images. With a limit of time the most useful pass comes first, alone:
after it every image has an answer. The others follow in sweeps: batch by batch, each view of a batch made once for all
members that want it; before every batch the passes at the end of the order that no longer fit are dropped. A pass
counts only once it is through, so that all images are judged by the same passes: what a row gets depends on other rows
through the number of passes alone.

Why neither pass by pass nor all at once: the former makes a view anew for every member, the latter would leave the last
images without an answer, or judged by fewer passes than the first.
"""

from __future__ import annotations  # platforms run Python 3.9

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .blend import temper
from .budget import LAST, Costs, Deadline, Pass
from .errors import KitError
from .image_input import ImageInput
from .manifest import Manifest
from .members import Members
from .memory import free_bytes
from .symmetry import contiguous
from .tta import get_view

_PENDING_BYTES = 64 << 20  # of passes that are not through; more of them take more sweeps
_SPARE_BYTES = 64 << 20  # less memory left than this halves the batch
_LEAST_BATCH = 8
_PROBE = 8  # images on which a member is timed before it is planned with


@dataclass
class Blended:
    """sums_nk: float64, rows sum to the weight of `done`; answered: rows below it have sums; the rest are 0."""

    sums_nk: np.ndarray
    done: list[Pass] = field(default_factory=list)
    answered: int = 0


class _OutOfTimeError(Exception):
    """The last moment has passed in the middle of a batch."""


class Passes:
    """The ensemble's passes over one set of images.

    Args:
        manifest: order, weights and temperatures.
        members: loaded when needed.
        costs: what was measured so far; kept from one prediction to the next.
        deadline: of this prediction.
        batch_size: images at a time; halved where memory runs short.
        adapted: m -> callable used instead of member m.
        clock: for measuring.
        free: bytes that may still be taken, or None.
    """

    def __init__(
        self,
        manifest: Manifest,
        members: Members,
        costs: Costs,
        deadline: Deadline,
        batch_size: int,
        adapted: Mapping[int, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        free: Callable[[], int | None] = free_bytes,
    ):
        self._manifest, self._members, self._costs, self._deadline = manifest, members, costs, deadline
        self.batch_size = batch_size
        self._adapted = adapted or {}
        self._clock, self._free = clock, free
        self._views = [get_view(name) for name in manifest.views]
        self._refused: set[int] = set()  # members that memory has no room for

    def blend(self, images: ImageInput) -> Blended:
        """Weighted sums of tempered probabilities over the passes that fit, added in the manifest's order."""
        num_classes = len(self._manifest.class_names)
        result = Blended(np.zeros((len(images), num_classes)))
        left = list(self._manifest.order)
        if not len(images):
            return Blended(result.sums_nk, left)
        at_once = max(1, _PENDING_BYTES // (len(images) * num_classes * 8))
        while left:
            is_first = self._deadline.is_set and not result.done
            refused = len(self._refused)
            finished = self._sweep(images, left[:1] if is_first else left[:at_once], result)
            if not finished and len(self._refused) == refused:
                break
            result.done += finished
            left = [one for one in left if one not in finished and one[0] not in self._refused]
        return result

    def _sweep(self, images: ImageInput, wanted: Sequence[Pass], result: Blended) -> list[Pass]:
        """Add the wanted passes to the sums; returns those that went through, a prefix."""
        is_first = not result.done
        kept = self._ready(wanted, images, is_first)
        pending = np.zeros((len(kept), *result.sums_nk.shape))
        start = 0
        while start < len(images):
            if not is_first:
                kept = self._costs.affordable(kept, len(images) - start, self._deadline.left_s())
                if not kept:
                    return []
            elif start and self._costs.seconds(kept[:1], self.batch_size) > self._deadline.left_s(LAST):
                break  # the rest stays without an answer: late is worse
            self._spare_memory()
            batch = images.rows(start, start + self.batch_size)
            try:
                self._run(batch, kept, pending[:, start : start + len(batch)])
            except _OutOfTimeError:
                if not is_first:
                    return []
                break
            start += len(batch)
        result.answered = max(result.answered, start)
        for one in pending[: len(kept)]:
            result.sums_nk += one
        return kept

    def _run(self, batch: np.ndarray, passes: Sequence[Pass], sums_pnk: np.ndarray) -> None:
        """Write the weighted, tempered probabilities of each pass."""
        for v in dict.fromkeys(v for _, v in passes):
            started = self._clock()
            view = contiguous(self._views[v](batch))
            self._costs.record_view(v, len(batch), self._clock() - started)
            if view.shape != batch.shape or view.dtype != np.uint8:
                raise KitError(
                    f"the view {self._manifest.views[v]}: expected uint8 {batch.shape}. "
                    f"Received: {view.dtype} {view.shape}"
                )
            for p, (m, wanted) in enumerate(passes):
                if wanted == v:
                    if self._deadline.left_s(LAST) <= 0:
                        raise _OutOfTimeError
                    weight, temperature = self._manifest.weights_mv[m, v], self._manifest.temperatures[m]
                    sums_pnk[p] = weight * temper(self._probs(m, view), temperature)

    def _probs(self, m: int, view: np.ndarray) -> np.ndarray:
        started = self._clock()
        probs = self.call(m, view)
        self._costs.record_member(m, len(view), self._clock() - started)
        return probs

    def call(self, m: int, view: np.ndarray) -> np.ndarray:
        """Probabilities of one member, in halves where the whole does not fit into memory."""
        member = self._adapted[m] if m in self._adapted else self._members.get(m)
        try:
            return member(view)
        except Exception as error:
            if len(view) == 1 or not _is_out_of_memory(error):
                raise
        half = (len(view) + 1) // 2
        self.batch_size = max(1, min(self.batch_size, half))
        return np.concatenate([self.call(m, view[:half]), self.call(m, view[half:])])

    def _ready(self, wanted: Sequence[Pass], images: ImageInput, is_first: bool) -> list[Pass]:
        """The wanted passes whose members are loaded and, with a limit, timed: as far as time and memory allow."""
        ready: list[Pass] = []
        for m, v in wanted:
            if m in self._refused:
                continue
            if not self._members.is_loaded(m):
                must = is_first and not ready  # one has to answer
                if not must and self._members.load_s(m) > self._deadline.left_s():
                    break
                if not self._load(m, must):
                    continue  # others may be smaller
            if self._deadline.is_set and not self._costs.knows(m):
                probe = images.rows(0, min(_PROBE, self.batch_size))
                self.call(m, probe)  # the first call also prepares the graph
                self._probs(m, probe)
            ready.append((m, v))
        return ready

    def _load(self, m: int, must: bool) -> bool:
        """Whether there was room for member m."""
        if must or self._members.has_room_for(m):
            try:
                self._members.get(m)
                return True
            except Exception as error:
                if must or not _is_out_of_memory(error):
                    raise
        self._refused.add(m)
        return False

    def _spare_memory(self) -> None:
        free = self._free()
        if free is not None and free < _SPARE_BYTES and self.batch_size > _LEAST_BATCH:
            self.batch_size = max(_LEAST_BATCH, self.batch_size // 2)


def _is_out_of_memory(error: Exception) -> bool:
    # by name: which class that is depends on what runs the net
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
