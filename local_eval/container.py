"""What one program sees of the machine: the platform's /app, the system and this Python, and nothing else."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .interpreter import this_interpreter

SHM_MB = 64

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/gnu")
_OWN = {"tmp": "tmp", "home": "root", "app": "app"}  # folder of the scratch -> name inside
_RESOLVER = ("/run/systemd/resolve", "/run/resolvconf")  # where /etc/resolv.conf may point to


@dataclass(frozen=True)
class Container:
    """One program's view of the machine.

    scratch: a new host folder for its /tmp, its home and the like. folders: name below /app -> (host folder,
    read-only?). python: host folders of the Python that it runs.
    """

    scratch: Path
    folders: dict[str, tuple[Path, bool]]
    network: bool = False
    python: tuple[Path, ...] = field(default_factory=lambda: this_interpreter().folders)

    def launcher(self, command: Sequence[str], status_fd: int) -> list[str]:
        """The words that start `command` inside, by sandbox.py."""
        for name in ("root", *_OWN):
            (self.scratch / name).mkdir(parents=True, exist_ok=True)
        mounts = [(str(self.scratch / name), f"/{inside}", False) for name, inside in _OWN.items()]
        mounts += [(str(host), f"/app/{name}", read_only) for name, (host, read_only) in self.folders.items()]
        links, shown = _system(self.network, self.python)
        spec = {
            "command": list(command),
            "cwd": "/app/program" if "program" in self.folders else "/",
            "mounts": mounts + [(path, path, True) for path in shown],
            "links": links,
            "folders": ["/var", "/run"],
            "shm_mb": SHM_MB,
            "network": self.network,
            "user_namespace": os.geteuid() != 0,
            "root": str(self.scratch / "root"),
            "status_fd": status_fd,
        }
        script = Path(__file__).with_name("sandbox.py")
        return [sys.executable, "-I", "-S", "-B", str(script), json.dumps(spec)]


def _system(network: bool, python: Sequence[Path]) -> tuple[list[tuple[str, str]], list[str]]:
    """Links and folders of the host that every container shows, the folders without those inside others."""
    named = [Path(path) for path in (*_SYSTEM, *(_RESOLVER if network else ()))]
    links = [(str(path.readlink()), str(path)) for path in named if path.is_symlink()]
    shown = [path for path in named if path.is_dir() and not path.is_symlink()]
    for path in sorted({*python, *this_interpreter().folders}):  # the launcher's own is still running inside
        if not any(path.is_relative_to(one) for one in shown):
            shown.append(path)
    return links, [str(path) for path in shown]
