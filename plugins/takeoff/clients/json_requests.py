"""One HTTP request for JSON, and what to tell when the answer is not that."""

from __future__ import annotations

from typing import Any

import requests

from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted

TIMEOUT_S = (5.0, 30.0)
"""Seconds to connect, and between two pieces of the answer."""

SHOWN = 200
"""Characters of an unexpected answer that a message shows."""


class NotThere(ConfigError):
    """The server knows no such thing (status 404)."""


class Conflict(ConfigError):
    """The thing is not in the state that the request needs (status 409)."""


class LoginRefused(ConfigError):
    """The server does not accept the login, or its token has expired (status 401)."""


def request_json(session: requests.Session, source: str, method: str, url: str, **options: Any) -> Any:
    """Ask, and return the decoded answer; ``None`` if it is empty.

    Args:
        session: carries login, headers and certificates.
        source: whom we ask, for messages: ``Alertmanager at http://…``.
        method: HTTP's.
        url: complete.
        options: more for :meth:`requests.Session.request` (``params``, ``json``).

    Raises:
        SourceUnavailable: no answer, or a status of 5xx or 429: worth another try.
        SourceUntrusted: the answer is no JSON, such as a login page.
        NotThere: status 404.
        Conflict: status 409.
        LoginRefused: status 401.
        ConfigError: any other status of 4xx: address, login or request is wrong.
    """
    try:
        answer = session.request(method, url, timeout=TIMEOUT_S, **options)
    except requests.RequestException as error:
        raise SourceUnavailable(source, f"{method} {url} got no answer: {_reason(error)}") from None
    told = f"{method} {url} was answered {answer.status_code} {answer.reason}"
    if answer.status_code >= 500 or answer.status_code == 429:
        raise SourceUnavailable(source, f"{told}: {_shown(answer)}")
    if answer.status_code == 404:
        raise NotThere(f"{source}: {told}: {_shown(answer)}")
    if answer.status_code == 409:
        raise Conflict(f"{source}: {told}: {_shown(answer)}")
    if answer.status_code in (401, 403):
        refused = LoginRefused if answer.status_code == 401 else ConfigError
        raise refused(f"{source}: {told}: check login and rights of the connection: {_shown(answer)}")
    if answer.status_code >= 400:
        raise ConfigError(f"{source}: {told}: {_shown(answer)}")
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        kind = answer.headers.get("Content-Type", "unknown").partition(";")[0]
        raise SourceUntrusted(
            source,
            f"{told} with {kind} instead of JSON ({_shown(answer)}): is the address right, or is it a login page?",
        ) from None


def _shown(answer: requests.Response) -> str:
    text = " ".join(answer.text.split())
    return repr(text[:SHOWN] + ("…" if len(text) > SHOWN else "")) if text else "no text"


def _reason(error: requests.RequestException) -> str:
    """Find the operating system's words inside requests' and urllib3's wrappings."""
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__ or getattr(cause, "reason", None)) is not None:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return str(cause) or type(cause).__name__
