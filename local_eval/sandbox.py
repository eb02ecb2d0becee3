"""Starts one program in a container of its own: Linux namespaces, by system calls alone, without Docker.

Run as a script in a fresh interpreter (`python -I -S sandbox.py SPEC`), since namespaces belong to a process:

SPEC is JSON: `command` (words), `cwd`, `mounts` ([[host path, path inside, read-only?], ...] in this order), `links`
([[target, path inside], ...]), `folders` (empty ones), `shm_mb`, `network` (keep the host's?), `user_namespace` (needed
unless we are root), `root` (an empty host folder), `status_fd` (a pipe: nothing comes through it when the program has
been started; otherwise "program: " or "container: " and the reason why it has not).

The program is process 1 of its container, as on the platform: its end is the end of all that it started, and a signal
that it sends to itself does nothing unless it handles it. Exit status: the program's, 128 + n after signal n.

Source: namespaces(7), mount(2), pivot_root(2), capabilities(7); the order of steps is bubblewrap's.
"""
# Without pathlib: every program waits for this one to start, and that import would be a third of it.
# ruff: noqa: PTH102, PTH103, PTH110, PTH112, PTH120, PTH211

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys

_NEW_MOUNTS, _NEW_IPC, _NEW_USERS, _NEW_PIDS, _NEW_NET = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
_KEPT_FLAGS = _NOSUID | _NODEV | _NOEXEC | 1024 | 2048  # noatime, nodiratime: the same bits in statvfs and in mount
_ST_RELATIME, _RELATIME = 4096, 1 << 21
_DETACH = 2
_PR_DEATH_SIGNAL, _PR_DROP_BOUND, _PR_NO_NEW_PRIVILEGES, _PR_AMBIENT, _AMBIENT_CLEAR = 1, 24, 38, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_DEVICES = ("null", "zero", "full", "random", "urandom")
_PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs")

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    """A libc function that returns a negative number on failure."""
    if getattr(_libc, name)(*arguments) < 0:
        number = ctypes.get_errno()
        shown = ", ".join(one.decode() if isinstance(one, bytes) else str(one) for one in arguments)
        raise OSError(number, f"{name}({shown}): {os.strerror(number)}")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    _call("mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())


def _bind(source: str, target: str, read_only: bool) -> None:
    """Show a file or folder of the host, with whatever is mounted below it."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o666))
    _mount(source, target, "", _BIND | _REC)
    if read_only:
        for point in _mount_points(target):
            _make_read_only(point)


def _mount_points(top: str) -> "list[str]":
    """`top` and the mount points below it."""
    top = os.path.realpath(top)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split()[4].encode().decode("unicode_escape") for line in file]
    return [top, *(point for point in points if point.startswith(top + "/"))]


def _make_read_only(point: str) -> None:
    """In a user namespace the flags that a mount already has are locked: they are repeated."""
    try:
        status = os.statvfs(point).f_flag
        kept = status & _KEPT_FLAGS | (_RELATIME if status & _ST_RELATIME else 0)
        _mount("", point, "", _REMOUNT | _BIND | _RDONLY | kept)
    except PermissionError:
        if os.access(point, os.W_OK):  # out of reach anyway, as a mount of root's in a user namespace is
            raise


def _map_users() -> None:
    """Root inside is the user outside."""
    user, group = os.getuid(), os.getgid()
    _call("unshare", _NEW_USERS)
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _build_root(spec: dict) -> None:
    """A root folder that holds what `spec` names and nothing else; afterwards it is `/`."""
    root = spec["root"]
    _mount("none", "/", "", _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "size=1m,mode=755")
    for folder in spec["folders"]:
        os.makedirs(root + folder, exist_ok=True)
    for target, name in spec["links"]:
        os.symlink(target, root + name)
    for source, name, read_only in spec["mounts"]:
        _bind(source, root + name, read_only)
    _build_dev(root + "/dev", spec["shm_mb"])
    _build_proc(root + "/proc")
    _build_sys(root + "/sys")
    _mount("", root, "", _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV)
    os.chdir(root)
    _call("syscall", ctypes.c_long(_pivot_root_number()), b".", b".")
    _call("umount2", b".", _DETACH)
    os.chdir("/")


def _build_dev(dev: str, shm_mb: int) -> None:
    os.makedirs(dev)
    _mount("tmpfs", dev, "tmpfs", _NOSUID, "size=1m,mode=755")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{dev}/{name}", read_only=False)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{number}", f"{dev}/{name}")
    os.symlink("/proc/self/fd", f"{dev}/fd")
    os.mkdir(f"{dev}/shm")
    _mount("tmpfs", f"{dev}/shm", "tmpfs", _NOSUID | _NODEV, f"size={shm_mb}m,mode=1777")


def _build_proc(proc: str) -> None:
    os.makedirs(proc)
    try:
        _mount("proc", proc, "proc", _NOSUID | _NODEV | _NOEXEC)
    except PermissionError:  # within a container whose own /proc is partly hidden
        _mount("/proc", proc, "", _BIND | _REC)
    for name in _PROC_READ_ONLY:
        if os.path.exists(f"{proc}/{name}"):
            _bind(f"{proc}/{name}", f"{proc}/{name}", read_only=True)


def _build_sys(sys_folder: str) -> None:
    os.makedirs(sys_folder)
    try:  # this network's devices, not the host's
        _mount("sysfs", sys_folder, "sysfs", _RDONLY | _NOSUID | _NODEV | _NOEXEC)
    except PermissionError:
        _bind("/sys", sys_folder, read_only=True)


def _pivot_root_number() -> int:
    """The C library has no function for it."""
    numbers = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217, "armv7l": 218, "i686": 217}
    machine = os.uname().machine
    if machine not in numbers:
        raise OSError(0, f"pivot_root has no known number on {machine}")
    return numbers[machine]


def _raise_loopback() -> None:
    """127.0.0.1 works in a container without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def _drop_privileges() -> None:
    """No capability now, none to be had, and nothing that gives any (set-user-id programs)."""
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for capability in range(last + 1):
        _call("prctl", _PR_DROP_BOUND, capability, 0, 0, 0)
    _call("prctl", _PR_AMBIENT, _AMBIENT_CLEAR, 0, 0, 0)
    header, nothing = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)
    _call("capset", header, nothing)
    _call("prctl", _PR_NO_NEW_PRIVILEGES, 1, 0, 0, 0)


def _run_inside(spec: dict) -> None:
    """Process 1 of the container: build it, enter it, become the program. Returns only by an exception."""
    if not spec["network"]:
        _raise_loopback()
    _build_root(spec)
    _drop_privileges()
    _call("prctl", _PR_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    os.chdir(spec["cwd"])
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and what is ignored is inherited
    try:
        os.execvp(spec["command"][0], spec["command"])
    except (OSError, ValueError) as error:
        os.write(spec["status_fd"], f"program: {error}".encode())
        os._exit(127)


def main(argv: "list[str]") -> int:
    spec = json.loads(argv[0])
    os.set_inheritable(spec["status_fd"], False)
    try:
        _call("prctl", _PR_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if spec["user_namespace"]:
            _map_users()
        _call("unshare", _NEW_MOUNTS | _NEW_IPC | _NEW_PIDS | (0 if spec["network"] else _NEW_NET))
        inside = os.fork()
        if inside == 0:
            _run_inside(spec)
    except BaseException as error:  # whatever it is, no program may run half inside
        os.write(spec["status_fd"], f"container: {error}".encode()[:4000])
        os._exit(127)
    os.close(spec["status_fd"])
    _, status = os.waitpid(inside, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))
