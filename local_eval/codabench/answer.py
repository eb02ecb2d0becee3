"""What a server's answer means: JSON, a failure that passes, or one that the user mends."""

import json
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from submission.kit.errors import KitError

from .patience import PassingError

_TOKEN_WORDS = re.compile(r"token|credentials|logged in", re.IGNORECASE)
_PARTICIPANT = "Join the competition on its page, wait for the organiser's approval, and check that the phase is open."


def read_answer(response: requests.Response, what: str, token: str) -> Any:
    """The parsed JSON of an answer.

    Args:
        response: the server's.
        what: the request in words, for errors.
        token: is struck out of everything that is quoted.

    Raises:
        PassingError: 408, 429, 5xx, or a 2xx without JSON (a proxy's page).
        KitError: any other answer; the message says what mends it.
    """
    status = response.status_code
    told = quote(response, token)
    if 200 <= status < 300:
        try:
            return json.loads(response.content, parse_constant=_no_json)
        except (ValueError, RecursionError):
            raise PassingError(f"{what}: expected JSON. Received: {told}.", may_have_acted=True) from None
    if status == 429:
        raise PassingError(
            f"{what}: too many requests ({told}).", may_have_acted=False, wait_s=_retry_after_s(response)
        )
    if status == 408 or status >= 500:
        raise PassingError(
            f"{what}: the server failed ({status}: {told}).", may_have_acted=True, wait_s=_retry_after_s(response)
        )
    raise KitError(f"{what}: {_refusal(status, told, response)}")


def quote(response: requests.Response, token: str = "") -> str:
    """The reason in an answer, at most 300 characters, without markup and without the token."""
    try:
        reasons = list(_texts(json.loads(response.text)))
    except (ValueError, RecursionError):
        reasons = [re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", response.text[:20_000], flags=re.DOTALL)]
    text = " ".join(" ".join(reasons).split()) or response.reason or "no reason given"
    return (text.replace(token, "[token]") if token else text)[:300].rstrip(".")


def _texts(value: Any) -> list[str]:
    """`{"detail": "x"}`, `{"data_file": ["x"]}`, `["x"]`: the words that a person can read."""
    if isinstance(value, dict):
        named = [(key, text) for key, part in value.items() for text in _texts(part)]
        plain = ("detail", "reason", "error", "error_msg", "data_file", "non_field_errors")
        return [text if key in plain else f"{key}: {text}" for key, text in named]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [str(value)]


def _no_json(constant: str) -> None:
    raise ValueError(constant)  # NaN and infinities, which Python would take


def _refusal(status: int, told: str, response: requests.Response) -> str:
    # Django answers 403, not 401, to a wrong token where sessions are the first way to log in.
    if status == 401 or (status == 403 and _TOKEN_WORDS.search(told)):
        return (
            f"the server does not accept the token ({status}: {told}). "
            "Set CODABENCH_TOKEN to a token of this server; `python -m local_eval.submit --help` says how to get one."
        )
    if status == 403:
        return f"not allowed ({told}). {_PARTICIPANT}"
    if status == 404:
        return (
            f"the server does not know it ({told}). Check --phase and --server; a private phase needs its participant."
        )
    if "insufficient space" in told.lower() or "quota" in told.lower():
        return f"the quota is used up: {told}. Delete old submissions on the server's Resources page."
    if status == 413:
        return f"the zip is too large for this server ({told})."
    if 300 <= status < 400:
        target = urlsplit(response.headers.get("Location", ""))
        return f"the server redirects to {target.scheme}://{target.netloc}: name that one with --server."
    return f"refused ({status}: {told})."


def _retry_after_s(response: requests.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return (parsedate_to_datetime(text) - datetime.now(timezone.utc)).total_seconds()
    except (TypeError, ValueError):
        return None
