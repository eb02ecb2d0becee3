"""Files that competition.yaml names."""

import posixpath
import uuid
from typing import Any

from .bundle_file import BundleFile
from .problem import Findings, shown


def find(bundle: BundleFile, value: Any, where: str, findings: Findings, key_allowed: bool = False) -> str | None:
    """The name in the bundle of the file or folder that a field names.

    Args:
        bundle: the unpacked files.
        value: the field's value.
        where: the field, for messages.
        findings: problems go there.
        key_allowed: whether the field is a dataset: a folder, a zip, or the key of one on the platform.

    Returns:
        The name, or None where there is no such file: that is told, unless the value is a key.
    """
    if not isinstance(value, str) or "\0" in value:
        findings.add("upload", where, f"expected a file's name. Received: {shown(value)}", "name a file in the bundle")
        return None
    name = posixpath.normpath(value)
    if name.startswith(("/", "..")):
        findings.add(
            "upload", where, f"{shown(value)} is outside of the bundle", "name it relative to competition.yaml"
        )
        return None
    if name == ".":
        stage = "run" if key_allowed else "upload"  # as a dataset it is packed; as a page it cannot be read
        findings.add(stage, where, "it is the whole bundle: labels would be given out", "name one of its files")
        return None
    if bundle.is_folder(name) or (bundle.is_file(name) and not value.endswith("/")):
        return name
    if key_allowed and _is_key(value):
        findings.add("notice", where, f"{value} is taken for a key on the platform", "make sure that you may use it")
        return None
    inside = [one for one in bundle.below("") if posixpath.basename(one) == posixpath.basename(name)]
    near = f"; there is {shown(sorted(inside)[0])}" if inside else ""
    findings.add(
        "upload", where, f"{shown(value)} is not in the bundle{near}", "add it, or name it relative to competition.yaml"
    )
    return None


def read_text(bundle: BundleFile, value: Any, where: str, findings: Findings) -> str | None:
    """The text of a page: a file in UTF-8 that is not empty."""
    name = find(bundle, value, where, findings)
    if name is None:
        return None
    if not bundle.is_file(name):
        findings.add("upload", where, f"{shown(value)} is a folder", "name a Markdown or HTML file")
        return None
    data = bundle.read(name)
    if not data:
        findings.add("upload", where, f"{shown(value)} is empty", "write something in it")
        return None
    try:
        return data.decode("utf-8", errors="strict" if len(data) < 1 << 20 else "ignore")
    except UnicodeDecodeError as error:
        findings.add("upload", where, f"{shown(value)} is not UTF-8 text ({error.reason})", "save it as UTF-8")
        return None


def _is_key(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
