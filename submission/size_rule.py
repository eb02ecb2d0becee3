"""The rule about a zip's size."""

from collections.abc import Iterator

from .archive import Archive
from .finding import Finding

QUOTA_BYTES = 15_000_000_000
"""Codabench's storage for one user, by default."""


def size(archive: Archive, quota_bytes: float = QUOTA_BYTES) -> Iterator[Finding]:
    """The zip and what the platform makes of it fit into the user's storage.

    Outputs count too, and up to v1.26 the submission is copied into the output: the user pays for it twice.
    """
    zip_bytes = archive.path.stat().st_size
    told = f"a zip of {_gb(zip_bytes)}, which unpacks to {_gb(archive.unpacked_bytes)}"
    fix = "ship fewer or smaller members, or weights in half precision; then delete old submissions on the platform"
    if archive.unpacked_bytes > quota_bytes:
        message = f"expected at most {_gb(quota_bytes)} unpacked. Received: {told}; its files were not looked at"
        yield Finding("size", message, fix)
    elif 2 * zip_bytes > quota_bytes:
        message = f"expected at most half the quota of {_gb(quota_bytes)}, as it is stored twice. Received: {told}"
        yield Finding("size", message, fix)


def _gb(count: float) -> str:
    return f"{count / 1e9:.3g} GB"
