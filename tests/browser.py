"""A page in Chromium, spoken to through a pipe (Chrome DevTools Protocol): the standard library is all it takes."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIMIT_S = 60.0
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --disable-dev-shm-usage --remote-debugging-pipe"
)
# Chromium reads commands from file 3 and answers on file 4.
LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Page:
    """A loaded page.

    complaints: errors and warnings of its console, scripts and loads; requests: what it loaded.
    """

    def __init__(self, browser: "_Pipe", url: str, width: int, height: int) -> None:
        self._browser, self.complaints, self.requests = browser, [], []
        target = browser.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = browser.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Runtime", "Log", "Network", "Page"):
            self._call(f"{domain}.enable")
        phone = width < 600  # a phone shows a page without a viewport tag 980 pixels wide
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._call("Emulation.setDeviceMetricsOverride", metrics)
        self._call("Page.navigate", {"url": url})
        browser.wait_for("Page.loadEventFired", self._note)

    def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression, awaited."""
        options = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._call("Runtime.evaluate", options)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """The whole page as a PNG."""
        answer = self._call("Page.captureScreenshot", {"captureBeyondViewport": True})
        path.write_bytes(base64.b64decode(answer["data"]))

    def _call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.call(method, params, self._session, self._note)

    def _note(self, event: dict[str, Any]) -> None:
        kind, params = event["method"], event["params"]
        if kind == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(one.get("value", one.get("description"))) for one in params["args"]))
        elif kind == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif kind == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif kind == "Network.loadingFailed":
            self.complaints.append(f"not loaded: {params['errorText']}")
        elif kind == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])


class _Pipe:
    """Commands and their answers, one JSON text each, ended by a zero byte."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers, self._number, self._rest = commands, answers, 0, b""

    def call(self, method: str, params: dict[str, Any] | None = None, session: str = "", note: Any = None) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params or {}}
        data = json.dumps({**message, "sessionId": session} if session else message).encode() + b"\0"
        while data:
            data = data[os.write(self._commands, data) :]
        while (answer := self._next()).get("id") != self._number:
            if note is not None and "method" in answer:
                note(answer)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def wait_for(self, method: str, note: Any) -> None:
        while (event := self._next()).get("method") != method:
            if "method" in event:
                note(event)

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while b"\0" not in self._rest:
            if not select.select([self._answers], [], [], max(end - time.monotonic(), 0))[0]:
                raise AssertionError(f"no answer from the browser within {LIMIT_S} s")
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise AssertionError("the browser has gone")
            self._rest += piece
        text, self._rest = self._rest.split(b"\0", 1)
        return json.loads(text)


@contextmanager
def open_page(path: Path, width: int, scratch: Path, height: int = 900) -> Iterator[Page]:
    """Load a file in a fresh browser of its own.

    Args:
        path: an HTML file.
        width, height: of the window, in CSS pixels; below 600 it is a phone's.
        scratch: an empty folder for the browser's profile and its messages.
    """
    assert CHROMIUM is not None
    command_read, command_write = os.pipe()
    answer_read, answer_write = os.pipe()
    ours = (command_write, answer_read)
    # above 4, so that one does not replace the other
    theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (command_read, answer_write)]
    launch = [sys.executable, "-c", LAUNCH, *map(str, theirs), CHROMIUM, *SWITCHES.split()]
    with (scratch / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            [*launch, f"--user-data-dir={scratch / 'profile'}"],
            pass_fds=theirs, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    for fd in (command_read, answer_write, *theirs):
        os.close(fd)
    try:
        yield Page(_Pipe(*ours), path.resolve().as_uri(), width, height)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for fd in ours:
            os.close(fd)
