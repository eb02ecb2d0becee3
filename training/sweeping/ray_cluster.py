"""The way into an existing Ray cluster: its address, found or refused within seconds, and our code on its nodes."""

import logging
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import grpc
import ray

from submission.kit.errors import KitError

ROOT = Path(__file__).parents[2]
AUTO, CLIENT = "auto", "ray://"
CONNECT_S = 5.0
CODE = ("submission/kit", "training")  # all that a training imports of this project


def connect(address: str, scratch: Path) -> None:
    """Join a cluster as a driver; its nodes get a copy of this project's code.

    Args:
        address: "auto" for the cluster of this machine or of RAY_ADDRESS; host:port of its head; ray://host:port of
            its client server.
        scratch: an empty folder, for that copy.

    Raises:
        KitError: nothing answers there within seconds, or the versions of Ray or Python differ.
    """
    found = find(address)
    _check_answers(found)
    code = copy_code(scratch)
    try:
        ray.init(
            address=found,
            runtime_env={"working_dir": str(code)},
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # RuntimeError, ConnectionError and classes of the client's own
        said = " ".join(str(error).split())
        if "ersion mismatch" in said or "versions" in said:
            raise KitError(
                f"the cluster at {found} runs other versions. {said[:300]} Install the cluster's Ray here "
                "(`pip install ray==...`) under its Python, or the other way round."
            ) from None
        raise _unreachable(address, f"{type(error).__name__}: {said[:300]}") from None


def find(address: str) -> str:
    """The address of a cluster, where "auto" was asked for.

    Raises:
        KitError: no cluster is known on this machine, or the address is none.
    """
    if address == AUTO:
        found = os.environ.get("RAY_ADDRESS") or _of_this_machine()
        if not found:
            raise KitError(
                f"expected a Ray cluster on this machine. Received: --address {AUTO}, and none is running here. Start "
                "one with `ray start --head`, or name its head: --address HOST:6379 or ray://HOST:10001."
            )
        return found
    host, colon, port = address.removeprefix(CLIENT).rpartition(":")
    if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
        raise KitError(f"--address takes auto, HOST:PORT or ray://HOST:PORT. Received: {address!r}.")
    return address


def _of_this_machine() -> str:
    """What `ray start` has written last on this machine; "" if nothing."""
    folder = Path(os.environ.get("RAY_TMPDIR") or "/tmp") / "ray"
    try:
        return (folder / "ray_current_cluster").read_text().strip()
    except OSError:
        return ""


def _check_answers(address: str) -> None:
    """Refuse in time what Ray itself waits minutes for: an address where nothing, or no gRPC server, listens."""
    place = address.removeprefix(CLIENT)
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise _unreachable(address, str(error)) from None
    if os.environ.get("RAY_USE_TLS", "0") == "1":
        return
    with grpc.insecure_channel(place) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_S - 1)
        except grpc.FutureTimeoutError:
            raise _unreachable(address, "something else than Ray listens there") from None


def _unreachable(address: str, why: str) -> KitError:
    return KitError(
        f"no Ray cluster answers at {address} ({why}). Start it with `ray start --head` there, or name its head: "
        "--address HOST:6379, or ray://HOST:10001."
    )


def copy_code(folder: Path) -> Path:
    """Copy what nodes need of this project, without caches; returns the folder."""
    for part in CODE:
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "submission" / "__init__.py").touch()
    return folder


def nodes() -> list[dict[str, Any]]:
    """Resources of the nodes that live."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
