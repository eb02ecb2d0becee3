"""A real HTTP server on this machine that serves bytes and has every fault of a network, by the name of the file."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 1200  # 300 KiB
CUT = 1 << 17  # a whole number of the pieces that are written
ETAG = '"version-1"'


class Files(ThreadingHTTPServer):
    """content: what is served; asked: (path, Range header) of each request; `calls` counts by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.calls: Counter[str] = Counter()
        self.content = CONTENT

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Files

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].strip("/")
        self.server.asked.append((name, self.headers.get("Range")))
        self.server.calls[name] += 1
        call, content = self.server.calls[name], self.server.content
        kind, _, rest = name.partition("/")
        if kind == "good":
            self._send(content)
        elif kind == "redirect":
            self._answer(302, {"Location": f"/good/{rest}"})
        elif kind == "circle":
            self._answer(302, {"Location": self.path})
        elif kind == "missing":
            self._answer(404)
        elif kind == "busy":  # twice, then fine
            self._send(content) if call > 2 else self._answer(503, {"Retry-After": "1"})
        elif kind == "broken":
            self._answer(500)
        elif kind == "wrong":
            self._send(content[::-1])
        elif kind == "wrong-once":
            self._send(content if call > 1 else content[::-1])
        elif kind == "cut":  # after each CUT bytes
            self._send(content, cut=CUT)
        elif kind == "cut-without-ranges":  # the first time only
            self._send(content, cut=CUT if call == 1 else None, ranges=False)
        elif kind == "cut-for-ever":  # always at the same byte, and from the start
            self._send(content, cut=CUT, ranges=False)
        elif kind == "cut-and-changed":  # another file when the rest is asked for
            self._send(content, etag='"version-2"') if call > 1 else self._send(content[::-1], cut=CUT)
        elif kind == "wrong-range":
            self._send(content, cut=CUT if call == 1 else None, shift=5 if call == 2 else 0)

    def _send(
        self, content: bytes, cut: int | None = None, ranges: bool = True, etag: str = ETAG, shift: int = 0
    ) -> None:
        start, status = 0, 200
        headers = {"ETag": etag}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and ranges and self.headers.get("If-Range", etag) == etag:
            start = int(asked[1])
            if start >= len(content):
                self._answer(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {start + shift}-{len(content) - 1}/{len(content)}"
        part = content[start:]
        headers["Content-Length"] = str(len(part))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(part[:cut])
        if cut is not None and cut < len(part):
            self.wfile.flush()
            self.close_connection = True

    def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serve() -> Iterator[Files]:
    """A server while the block runs."""
    server = Files()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
