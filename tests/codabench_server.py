"""A local HTTP server that behaves like Codabench's API and its storage, faults included."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

TOKEN = "0123456789abcdef-secret-token"
SIGNATURE = "X-Amz-Signature=very-secret"
PHASE = 41
HANG_S = 0.6  # longer than the tests' clock waits for an answer

Answer = tuple[int, Any]
# what a fault does: takes the handler and the way to act, answers or not
Fault = Callable[["Handler", Callable[[], Answer]], None]


def answer(status: int, body: Any = None, **headers: str) -> Fault:
    """This instead of acting; a str is sent as HTML."""
    return lambda handler, act: handler.reply(status, {} if body is None else body, headers)


def acted(status: int, body: Any = None) -> Fault:
    """Act, then answer something else."""

    def fault(handler: "Handler", act: Callable[[], Answer]) -> None:
        act()
        handler.reply(status, {} if body is None else body)

    return fault


def lost(handler: "Handler", act: Callable[[], Answer]) -> None:
    """The connection breaks before the server acts."""
    handler.close()


def response_lost(handler: "Handler", act: Callable[[], Answer]) -> None:
    """The server acts, then the connection breaks."""
    act()
    handler.close()


def acts_late(handler: "Handler", act: Callable[[], Answer]) -> None:
    """The connection breaks, and the server acts when the client looks for the second time."""
    handler.server.state.late.append(act)
    handler.close()


def hang(handler: "Handler", act: Callable[[], Answer]) -> None:
    """The server acts; its answer takes too long."""
    act()
    time.sleep(HANG_S)
    handler.close()


def cut(handler: "Handler", act: Callable[[], Answer]) -> None:
    """Half of the body is read, then the connection breaks."""
    handler.rfile.read(int(handler.headers["Content-Length"]) // 2)
    handler.body_read = True
    handler.close()


@dataclass
class Codabench:
    """What the server knows, and what a test changes."""

    token: str = TOKEN
    can: dict[str, Any] = field(default_factory=lambda: {"can": True, "reason": None})
    quota_bytes: int = 10**9
    hide_output: bool = False
    paged: bool = True
    statuses: list[str] = field(default_factory=lambda: ["Submitted", "Preparing", "Running", "Scoring", "Finished"])
    scores: list[Any] = field(
        default_factory=lambda: [{"id": 1, "index": 0, "score": "0.9600000000", "column_key": "accuracy"}]
    )
    logs: dict[str, str] = field(
        default_factory=lambda: {"prediction_ingestion_stdout": "hello\n", "scoring_stderr": ""}
    )
    children: list[int] = field(default_factory=list)
    child_status: str = "Finished"
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)  # ("PUT /storage/", fault), each used once
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    late: list[Callable[[], Answer]] = field(default_factory=list)
    looks: int = 0

    def count(self, prefix: str) -> int:
        return sum(line.startswith(prefix) for line, _ in self.requests)


class Server(ThreadingHTTPServer):
    """Serves `state` on a free port until it is closed."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.state = Codabench()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        """Broken connections are what this server is for."""


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms

    def do_GET(self) -> None:
        self._serve("GET")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_POST(self) -> None:
        self._serve("POST")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        if not self.body_read:
            self._body()
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if isinstance(body, dict | list) else "text/html")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def close(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _body(self) -> bytes:
        self.body_read = True
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _serve(self, method: str) -> None:
        state, self.body_read, line = self.server.state, False, f"{method} {self.path}"
        state.requests.append((line, dict(self.headers)))
        cached: list[bytes] = []

        def act() -> Answer:
            if not cached:
                cached.append(self._body())
            return self._act(method, urlsplit(self.path).path, cached[0])

        for number, (prefix, fault) in enumerate(state.faults):
            if line.startswith(prefix):
                del state.faults[number]
                if fault is acts_late:
                    cached.append(self._body())
                fault(self, act)
                return
        status, body = act()
        self.reply(status, body)

    def _act(self, method: str, path: str, body: bytes) -> Answer:
        state = self.server.state
        if path.startswith("/storage/"):
            return self._storage(method, path, body)
        if self.headers.get("Authorization") != f"Token {state.token}":
            return 403, {"detail": "Invalid token."}  # sessions come first, so it is no 401
        if path == f"/api/can_make_submission/{PHASE}/":
            return 200, state.can
        if (method, path) == ("POST", "/api/datasets/"):
            return self._dataset(json.loads(body))
        if match := re.fullmatch(r"/api/datasets/completed/(.+)/", path):
            known = match[1] in state.uploads
            return (200, {"key": match[1]}) if known else (404, {"detail": "Not found."})
        if (method, path) == ("POST", "/api/submissions/"):
            return self._submit(json.loads(body))
        if path == "/api/submissions/":
            return self._list(parse_qs(urlsplit(self.path).query))
        if match := re.fullmatch(r"/api/submissions/(\d+)/", path):
            return self._status(int(match[1]))
        if re.fullmatch(r"/api/submissions/\d+/get_details/", path):
            return self._details()
        return 404, {"detail": "Not found."}

    def _dataset(self, wanted: dict[str, Any]) -> Answer:
        state = self.server.state
        if wanted["file_size"] > state.quota_bytes:
            return 400, {"data_file": ["Insufficient space. Your available space is 1 KB. The file size is 2 KB."]}
        assert wanted["type"] == "submission" and len(wanted["request_sassy_file_name"]) <= 39  # the server cuts more
        key = f"key-{len(state.uploads)}"
        state.uploads[key] = {"name": wanted["request_sassy_file_name"], "bytes": b""}
        return 201, {"key": key, "sassy_url": f"{self.server.address}/storage/{key}?{SIGNATURE}"}

    def _storage(self, method: str, path: str, body: bytes) -> Answer:
        name = unquote(path.removeprefix("/storage/"))
        if method == "GET":
            return (
                (200, self.server.state.logs[name])
                if name in self.server.state.logs
                else (404, "<Code>NoSuchKey</Code>")
            )
        assert self.headers["Content-Type"] == "application/zip"  # it is signed
        self.server.state.uploads[name]["bytes"] = body
        return 200, ""

    def _submit(self, wanted: dict[str, Any]) -> Answer:
        state = self.server.state
        number = 700 + len(state.submissions)
        name = state.uploads[wanted["data"]]["name"]
        state.submissions.append({"id": number, "filename": name, "data": wanted["data"], "phase": wanted["phase"]})
        return 201, {"id": number, "data": wanted["data"], "phase": wanted["phase"], "status": "Submitting"}

    def _list(self, query: dict[str, list[str]]) -> Answer:
        state = self.server.state
        state.looks += 1
        if state.looks >= 2:
            while state.late:
                state.late.pop()()
        rows = [
            {"id": row["id"] + extra, "filename": row["filename"], "parent": row["id"] if extra else None}
            for row in reversed(state.submissions)
            if query["search"][0] in row["filename"] and int(query["phase"][0]) == row["phase"]
            for extra in (1000, 0)
        ]
        return 200, {"count": len(rows), "next": None, "previous": None, "results": rows} if state.paged else rows

    def _status(self, number: int) -> Answer:
        state = self.server.state
        if number in state.children:
            return 200, {
                "id": number,
                "status": state.child_status,
                "status_details": None,
                "scores": [],
                "children": [],
            }
        status = state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0]
        scores = state.scores if status == "Finished" else []
        return 200, {
            "id": number, "status": status, "status_details": None, "scores": scores, "children": state.children
        }  # fmt: skip

    def _details(self) -> Answer:
        state = self.server.state
        if state.hide_output:
            return 403, {"detail": "Cannot access submission details while phase marked to hide output."}
        place = f"{self.server.address}/storage"
        logs = [{"name": name, "data_file": f"{place}/{quote(name, safe='')}?{SIGNATURE}"} for name in state.logs]
        return 200, {"logs": logs, "prediction_result": None, "scoring_result": None, "detailed_result": None}
