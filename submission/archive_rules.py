"""Rules about what is in a zip and how it is stored; one function each, called with the opened archive.

Source: what codalab/codabench's worker does with each of these (compute_worker.py, v1.25 and v1.27).
"""

import json
import re
import shlex
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

from .archive import ENCRYPTED, PATCHED, READABLE, Archive, is_folder
from .finding import Finding, some

_REPACK = "pack the contents, not the folder, with plain zip: `cd folder && zip -r ../submission.zip .`"
_RESULTS = re.compile(r"(predictions?|scores?)\.(npz|npy|csv|txt|json|pkl|parquet)|detailed_results\.html|failed\.json")
_HARMLESS = re.compile(r"(^|/)(__MACOSX/|\.)")
_MAX_PART, _MAX_NAME = 255, 3_000  # of a file system; of the platform's paths, less its own folders
_METHODS = {
    0: "patched",
    8: "patched",
    1: "Shrink",
    6: "Implode",
    9: "Deflate64",
    20: "Zstandard",
    93: "Zstandard",
    95: "XZ",
    98: "PPMd",
}


def crc(archive: Archive) -> Iterator[Finding]:
    """Every file can be read and has its CRC."""
    if archive.damaged:
        told = [f"{name} ({reason})" for name, reason in archive.damaged.items()]
        yield Finding("crc", f"damaged: {some(told)}; the platform says Bad or empty zip file", "make the zip again")


def encrypted(archive: Archive) -> Iterator[Finding]:
    """Nothing is encrypted: such a submission stays in Preparing for ever."""
    names = [entry.orig_filename for entry in archive.entries if entry.flag_bits & ENCRYPTED]
    if names:
        yield Finding("encrypted", f"encrypted: {some(names)}; it would stay in Preparing", "pack without a password")


def compression(archive: Archive) -> Iterator[Finding]:
    """Every compression is one that Python reads: with Deflate64 a submission stays in Preparing for ever."""
    names = [
        f"{entry.orig_filename} ({_METHODS.get(entry.compress_type, entry.compress_type)})"
        for entry in archive.entries
        if entry.compress_type not in READABLE or entry.flag_bits & PATCHED
    ]
    if names:
        yield Finding("compression", f"unreadable compression: {some(names)}; it would stay in Preparing", _REPACK)


def duplicates(archive: Archive) -> Iterator[Finding]:
    """No name twice, and none both file and folder."""
    files = Counter(entry.orig_filename for entry in archive.entries if not is_folder(entry))
    twice = [name for name, count in files.items() if count > 1]
    if twice:
        yield Finding("duplicates", f"stored more than once: {some(twice)}; the last one wins", "keep one of each")
    folders = {entry.orig_filename.rstrip("/") for entry in archive.entries if is_folder(entry)}
    folders.update(parent for name in files for parent in _parents(name) if parent in files)
    both = sorted(folders.intersection(files))
    if both:
        yield Finding("duplicates", f"both file and folder: {some(both)}; it cannot be unpacked", "rename one of them")


def _parents(name: str) -> Iterator[str]:
    if len(name) > _MAX_NAME:
        return  # another rule tells
    end = name.find("/", 1)
    while end > 0:
        yield name[:end]
        end = name.find("/", end + 1)


def unusable_names(archive: Archive) -> Iterator[Finding]:
    """Names are such as a disk can hold."""
    if any(not entry.filename for entry in archive.entries):
        yield Finding("names", "a file without a name; the platform says Bad or empty zip file", _REPACK)
    names = [entry.orig_filename for entry in archive.entries]
    cut = [name for name in names if "\0" in name[1:]]
    if cut:
        yield Finding("names", f"a zero byte in {some(cut)}; the name would end there", _REPACK)
    long = [
        f"{name[:40]}..."
        for name in names
        if len(name) > _MAX_NAME or max(map(len, name.encode().split(b"/"))) > _MAX_PART
    ]
    if long:
        limits = f"longer than {_MAX_PART} bytes in a part or {_MAX_NAME} in all"
        yield Finding("names", f"{limits}: {some(long)}; they cannot be unpacked", "give them shorter names")


def backslashes(archive: Archive) -> Iterator[Finding]:
    """Folders are separated by slashes: with backslashes they become part of a file's name."""
    names = [entry.orig_filename for entry in archive.entries if "\\" in entry.orig_filename]
    if names:
        yield Finding("backslashes", f"backslash in {some(names)}; the folders would be lost", _REPACK)


def symlinks(archive: Archive) -> Iterator[Finding]:
    """No links: they become text files."""
    names = [entry.orig_filename for entry in archive.entries if stat.S_ISLNK(entry.external_attr >> 16)]
    if names:
        yield Finding("symlinks", f"links: {some(names)}; they become text files", "put the files in their place")


def outside(archive: Archive) -> Iterator[Finding]:
    """Names stay inside: absolute ones and `..` are rewritten by the platform."""
    names = [
        entry.orig_filename
        for entry in archive.entries
        if re.match(r"[/\\]|[A-Za-z]:", entry.orig_filename) or ".." in re.split(r"[/\\]", entry.orig_filename)
    ]
    if names:
        yield Finding("outside", f"absolute or with ..: {some(names)}; they land elsewhere", _REPACK)


def nested_folder(archive: Archive) -> str:
    """The folder, with its slash, that holds everything and has model.py; "" where model.py is not in such a one."""
    names = _meant(archive)
    folders = [name.removesuffix("model.py") for name in names if name.endswith("/model.py")]
    top = min(folders, key=len, default="")
    return top if len({name.split("/", 1)[0] for name in names}) == 1 else ""


def entry_file(archive: Archive) -> Iterator[Finding]:
    """model.py is at the root."""
    names = _meant(archive)
    if "model.py" in names:
        return
    if top := nested_folder(archive).rstrip("/"):
        message = f"everything lies in the folder {top!r}, which the platform does not strip"
        yield Finding(
            "nested-folder", message, f"pack from inside: `cd {shlex.quote(top)} && zip -r ../submission.zip .`"
        )
        return
    deeper = [name for name in names if PurePosixPath(name).name == "model.py"]
    tops = sorted({name.split("/", 1)[0] for name in names})
    received = f"the nearest: {some(deeper)}" if deeper else f"at the root: {some(tops) or 'nothing'}"
    yield Finding(
        "entry-file", f"expected model.py at the root. Received: {received}", "put model.py at the zip's root"
    )


def _meant(archive: Archive) -> list[str]:
    """The names without those that macOS and hidden files add."""
    return [name for name in archive.names if not _HARMLESS.search(name)]


def leftovers(archive: Archive) -> Iterator[Finding]:
    """No results of an earlier run: the platform lays the zip's files where the scorer looks."""
    names = [name for name in archive.names if _RESULTS.fullmatch(PurePosixPath(name).name)]
    if names:
        yield Finding("leftovers", f"results of an earlier run: {some(names)}; a scorer may find them", "remove them")


def metadata(archive: Archive) -> Iterator[Finding]:
    """No metadata at the root: with one, the platform treats the zip as a program of its own."""
    names = [name for name in archive.names if name in ("metadata", "metadata.yaml")]
    if names:
        yield Finding("metadata", f"{some(names)} at the root makes the zip a program of its own", "remove it")


def manifest(archive: Archive) -> Iterator[Finding]:
    """A kit's zip holds exactly the files of its manifest."""
    if "manifest.json" not in archive.sha256:
        return
    fix = "package again, and leave the zip as it is: `python -m submission.package --artifacts FOLDER`"
    try:
        listed = json.loads(archive.read("manifest.json"))["files"]
        listed = {str(name): str(digest) for name, digest in listed.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield Finding("manifest", f"manifest.json cannot be read ({type(error).__name__}: {error})", fix)
        return
    names = set(archive.names) - {"manifest.json"}
    changed = [name for name in listed if name in names and archive.sha256.get(name) != listed[name]]
    for what, wrong in (
        ("listed but missing", sorted(set(listed) - names)),
        ("not as listed", sorted(changed)),
        ("not listed", sorted(names - set(listed))),
    ):
        if wrong:
            yield Finding("manifest", f"{what}: {some(wrong)}", fix)


ARCHIVE_RULES = (
    crc,
    encrypted,
    compression,
    duplicates,
    unusable_names,
    backslashes,
    symlinks,
    outside,
    entry_file,
    leftovers,
    metadata,
    manifest,
)
"""In the order in which they are told."""
