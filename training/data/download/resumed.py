"""One attempt at a download over HTTP that goes on where an earlier one was cut; pooch itself starts anew each time."""

import json
import shutil
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm

from submission.kit.errors import KitError

_PIECE = 1 << 16
_SPARE_BYTES = 1 << 26


class Resumed:
    """A downloader for `pooch.retrieve`: `Resumed(part, checked)(url, output_file, None)`.

    What has come lies in `part`, with the address and the server's mark of the file's version (ETag or Last-Modified)
    beside it, until the file is whole. The rest is asked for with Range and If-Range (RFC 9110, 13.1.5 and 14.2): a
    server whose file has changed, or that knows no ranges, sends all of it, and the download starts anew.

    Args:
        part: the file that grows; kept when an attempt fails.
        checked: whether the whole file's checksum is known; without one and without a mark nothing is resumed.
        timeout_s: for the connection, and for each piece.
    """

    def __init__(self, part: Path, checked: bool, timeout_s: tuple[float, float] = (15, 60)):
        self.part = part
        self.checked = checked
        self.timeout_s = timeout_s
        self._note = part.with_name(part.name + ".json")

    def __call__(self, url: str, output_file: str | Path, pooch: object, check_only: bool = False) -> None:
        """Download to `part`, then move it to `output_file`.

        Raises:
            requests.RequestException: no connection, an error of the server, or cut before the end.
            KitError: the disk has no room for it.
        """
        have, headers = self._resumption(url)
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout_s) as response:
            if response.status_code == 416:  # nothing is left to send, or another file than we have a part of
                if _last_number(response.headers.get("Content-Range", "")) != have:
                    self.forget()
                    raise requests.ConnectionError("the part that had come does not fit the server's file")
            else:
                response.raise_for_status()
                self._receive(url, response, have)
        self.part.replace(output_file)
        self.forget()

    def forget(self) -> None:
        """Remove what has come so far."""
        self.part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def _resumption(self, url: str) -> tuple[int, dict[str, str]]:
        """Bytes that are here already, and the headers that ask for the others."""
        headers = {"Accept-Encoding": "identity"}  # a compressed answer has other byte numbers
        note = self._read_note()
        have = self.part.stat().st_size if self.part.is_file() else 0
        if not have or note.get("url") != url or not (note.get("mark") or self.checked):
            return 0, headers
        headers["Range"] = f"bytes={have}-"
        if note.get("mark"):
            headers["If-Range"] = note["mark"]
        return have, headers

    def _receive(self, url: str, response: requests.Response, have: int) -> None:
        start = 0
        if response.status_code == 206:
            start = have
            if not have or not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.forget()
                raise requests.ConnectionError("the server sent another part of the file than was asked for")
        length = response.headers.get("Content-Length", "")
        plain = response.headers.get("Content-Encoding", "identity") == "identity"
        total = start + int(length) if length.isdigit() and plain else None
        if total is not None:
            self._check_room(total - start)
        mark = response.headers.get("ETag", "")
        if not mark or mark.startswith("W/"):  # a weak one may stand for other bytes
            mark = response.headers.get("Last-Modified", "")
        self._note.write_text(json.dumps({"url": url, "mark": mark if plain else ""}), encoding="utf-8")
        with (
            open(self.part, "ab" if start else "wb") as file,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=self.part.stem, disable=None) as bar,
        ):
            for piece in response.iter_content(_PIECE):
                file.write(piece)
                bar.update(len(piece))
        size = self.part.stat().st_size
        if total is not None and size != total:
            raise requests.ConnectionError(f"cut after {size} of {total} bytes")

    def _check_room(self, needed: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if needed > max(0, free - _SPARE_BYTES):
            raise KitError(
                f"expected {needed >> 20} MB free for the download in {self.part.parent}. Received: {free >> 20} MB. "
                f"Free some, or give another folder with `--cache DIR`."
            )

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}


def _last_number(content_range: str) -> int | None:
    """N of "bytes */N"."""
    total = content_range.rpartition("/")[2]
    return int(total) if total.isdigit() else None
