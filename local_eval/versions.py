"""The versions of what a run here computes with."""

import importlib.metadata
import platform


def library_versions() -> dict[str, str]:
    """Name -> version of Python and of the libraries that are installed."""
    versions = {"python": platform.python_version()}
    for name in ("numpy", "tensorflow", "keras"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
