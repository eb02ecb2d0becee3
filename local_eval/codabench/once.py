"""Submit a zip once: upload, submit, and after a lost answer look before asking again."""

from pathlib import Path

from submission.kit.errors import KitError

from .api import Codabench
from .patience import ATTEMPTS, PassingError, pause
from .receipt import Receipt
from .transfer import StaleAddressError, upload

ADDRESSES = 3
# A server may finish its work after the connection is lost: look at once, and at growing distances.
LOOKS_S = (0.0, 2.0, 8.0, 20.0)


def submit_once(api: Codabench, receipt: Receipt, zip_path: Path) -> int:
    """Bring a receipt to "submitted", from wherever it is.

    Args:
        api: of the receipt's server.
        receipt: its state is on disk before each step.
        zip_path: the very zip of the receipt.

    Returns:
        The submission's id.

    Raises:
        KitError: refused, or failures that did not pass. The receipt says how far it came; the same call goes on.
    """
    if receipt.state in ("submitted", "ended"):
        return receipt.values["submission"]
    if receipt.state == "submitting" and (found := _look(api, receipt)) is not None:
        return _submitted(receipt, found)
    api.check_allowed(receipt.values["phase"])
    if receipt.state == "uploading":
        _upload(api, receipt, zip_path)
    return _submit(api, receipt)


def _upload(api: Codabench, receipt: Receipt, zip_path: Path) -> None:
    for number in range(ADDRESSES):
        place = api.create_upload(receipt.values["file_name"], zip_path.stat().st_size)
        try:
            upload(api.connection, place.url, zip_path, receipt.values["sha256"])
        except StaleAddressError:
            if number == ADDRESSES - 1:
                raise
            continue
        api.complete_upload(place.key)
        receipt.note(state="created", data=place.key)
        return


def _submit(api: Codabench, receipt: Receipt) -> int:
    phase, key = receipt.values["phase"], receipt.values["data"]
    for failures in range(1, ATTEMPTS + 1):
        receipt.note(state="submitting")
        try:
            return _submitted(receipt, api.create_submission(phase, key))
        except PassingError as error:
            if error.may_have_acted and (found := _look(api, receipt)) is not None:
                return _submitted(receipt, found)
            if not error.may_have_acted:
                receipt.note(state="created")
            last = error
        except KitError:
            receipt.note(state="created")  # refused, so it does not exist
            raise
        if failures < ATTEMPTS:
            pause(api.connection.clock, failures, last)
            api.check_allowed(phase)  # servers answer 500 to the submission beyond the daily limit
    raise KitError(
        f"{last} It was tried {ATTEMPTS} times and the server's list shows no submission. "
        "Run the same command again later: it looks again before it submits."
    )


def _look(api: Codabench, receipt: Receipt) -> int | None:
    for seconds in LOOKS_S:
        if seconds:
            api.connection.clock.sleep(seconds)
        found = api.find_submission(receipt.values["phase"], receipt.values["file_name"])
        if found is not None:
            return found
    return None


def _submitted(receipt: Receipt, submission_id: int) -> int:
    receipt.note(state="submitted", submission=submission_id)
    return submission_id
