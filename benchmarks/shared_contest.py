"""A folder for one recipe's runs and zip, with the contest's data, split and suites as links."""

from pathlib import Path

from submission.kit.errors import KitError

SHARED = ("data", "clean", "split", "suites")


def share_contest(artifacts: Path, folder: Path) -> Path:
    """Link data, clean, split and suites of a contest into another folder; links that are there already are renewed.

    Args:
        artifacts: the contest's folder, with all four.
        folder: made if need be; its own runs, export, submissions and judge stay.

    Returns:
        `folder`.

    Raises:
        KitError: one of the four is missing.
    """
    missing = [name for name in SHARED if not (artifacts / name).is_dir()]
    if missing:
        raise KitError(
            f"expected {', '.join(SHARED)} in {artifacts}. Received: no {', '.join(missing)}. "
            f"Run `make suites ARTIFACTS={artifacts}` first."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        link = folder / name
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            raise KitError(f"expected {link} to be a link. Received: a folder of its own. Name another --out.")
        link.symlink_to((artifacts / name).resolve(), target_is_directory=True)
    return folder
