"""One request to the server or to its storage, with every failure named and no secret in any message."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import NewConnectionError

from submission.kit.errors import KitError

from .answer import read_answer
from .patience import Clock, PassingError, repeat


class _TokenAuth(AuthBase):
    """An `auth`, because requests prefers a machine's .netrc to a plain header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._token}"
        return request


class _NoAuth(AuthBase):
    """For signed addresses: neither the token nor .netrc goes to the storage."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class Connection:
    """The API of one server, with the user's token.

    Args:
        server: its address, https (http for this machine only).
        token: from the environment; it is never shown, written or sent elsewhere.
        clock: replaced in tests.

    Raises:
        KitError: an address or token of the wrong form.
    """

    def __init__(self, server: str, token: str, clock: Clock) -> None:
        self.server, self.clock = check_server(server), clock
        if not re.fullmatch(r"[\x21-\x7e]{8,}", token):
            raise KitError(
                "expected a token of 8 or more printable characters in CODABENCH_TOKEN. Received: another text."
            )
        self._token, self._session = token, requests.Session()

    def once(self, method: str, path: str, what: str, **options: Any) -> Any:
        """Send one request and return the parsed JSON of its answer.

        Args:
            method, path: of the API, such as "GET", "/api/submissions/7/".
            what: the request in words, for errors.
            options: `params`, `json` of requests.

        Raises:
            PassingError, KitError: see `read_answer`.
        """
        options |= {"auth": _TokenAuth(self._token), "timeout": (self.clock.connect_s, self.clock.answer_s)}
        # A redirect would turn a POST into a GET, or carry the token elsewhere.
        response = send(self._session, method, self.server + path, what, allow_redirects=False, **options)
        return read_answer(response, what, self._token)

    def ask(self, method: str, path: str, what: str, **options: Any) -> Any:
        """As `once`, repeated while failures pass: for requests that may be made twice."""
        return repeat(lambda: self.once(method, path, what, **options), self.clock)

    def storage(self, method: str, address: str, what: str, **options: Any) -> requests.Response:
        """Send one request to a signed address, without the token."""
        options |= {"auth": _NoAuth(), "timeout": (self.clock.connect_s, self.clock.storage_s)}
        return send(self._session, method, address, what, **options)

    def strike(self, value: Any) -> Any:
        """JSON without the token, should a server ever repeat it."""
        if isinstance(value, str):
            return value.replace(self._token, "[token]")
        if isinstance(value, Mapping):
            return {self.strike(key): self.strike(part) for key, part in value.items()}
        return [self.strike(part) for part in value] if isinstance(value, list) else value


def check_server(server: str) -> str:
    """The address without what follows its host and port.

    Raises:
        KitError: not https, or no host, or a name or password in it.
    """
    parts = urlsplit(server)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.username or parts.scheme not in (("http", "https") if local else ("https",)):
        raise KitError(
            "expected --server as https://HOST, so that the token never travels in clear "
            f"(http for localhost). Received: {parts.scheme}://{parts.hostname or ''}."
        )
    return f"{parts.scheme}://{parts.netloc}"


def send(session: requests.Session, method: str, address: str, what: str, **options: Any) -> requests.Response:
    """`session.request` whose errors carry neither address nor header: both may be secret."""
    host = urlsplit(address).hostname
    try:
        return session.request(method, address, **options)
    except requests.exceptions.SSLError:
        raise KitError(
            f"{what}: the certificate of {host} is not valid. Check --server and this machine's clock."
        ) from None
    except requests.exceptions.ConnectTimeout:
        raise PassingError(f"{what}: {host} did not answer.", may_have_acted=False) from None
    except requests.exceptions.Timeout:
        raise PassingError(f"{what}: {host} took too long.", may_have_acted=True) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        reason = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(reason, NewConnectionError):
            raise PassingError(f"{what}: no connection to {host}.", may_have_acted=False) from None
        raise PassingError(f"{what}: the connection to {host} was lost.", may_have_acted=True) from None
    except requests.exceptions.RequestException as error:
        raise KitError(f"{what}: the request to {host} failed ({type(error).__name__}).") from None
