"""Whether a webhook is GitLab's: its secret token, and the newer signature over identifier, time and body.

Sources: docs.gitlab.com/user/project/integrations/webhooks, and the Standard Webhooks specification that the
signature follows.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from takeoff.core.errors import ConfigError

TOKEN_HEADER = "x-gitlab-token"  # noqa: S105 - the name of a header
ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"

OLDEST_S = 300
"""Seconds that a signature may be off our clock, either way."""

_PREFIX = "whsec_"


@dataclass(frozen=True)
class HookSecrets:
    """What a webhook must prove to know; everything that is set must be right.

    Attributes:
        token: the secret token, sent as it is; empty if the webhook has none.
        key: the signing token's key; empty if the webhook has none.
    """

    token: str = field(default="", repr=False)
    key: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, token: str, signing_token: str, connection: str) -> HookSecrets:
        """Read them as GitLab shows them.

        Args:
            token: the secret token.
            signing_token: the signing token, ``whsec_`` and base64.
            connection: where they come from, for messages.

        Raises:
            ConfigError: there is neither, or the signing token is none.
        """
        if not token and not signing_token:
            raise ConfigError(f"connection {connection!r} has neither a password nor an extra `signing_token`")
        try:
            key = base64.b64decode(signing_token.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if signing_token and (not key or not signing_token.startswith(_PREFIX)):
            raise ConfigError(f"connection {connection!r}: signing_token is not GitLab's, which begins with {_PREFIX}")
        return cls(token, key)

    def allow_unread(self, headers: Mapping[str, str]) -> bool:
        """Judge by the headers, before the body is read; what needs the body is judged later.

        Args:
            headers: names in lower case.
        """
        if self.token:
            return hmac.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode())
        return SIGNATURE_HEADER in headers

    def allow(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        """Judge everything.

        Args:
            headers: names in lower case.
            body: the body as it came.
            now: in UTC.
        """
        return self.allow_unread(headers) and (not self.key or self._signed(headers, body, now))

    def _signed(self, headers: Mapping[str, str], body: bytes, now: datetime) -> bool:
        identifier, time = headers.get(ID_HEADER, ""), headers.get(TIME_HEADER, "")
        if not identifier or not (time.isascii() and time.isdecimal()) or len(time) > 12:
            return False
        if abs(now.timestamp() - int(time)) > OLDEST_S:
            return False
        message = f"{identifier}.{time}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.new(self.key, message, hashlib.sha256).digest()).decode()
        given = headers.get(SIGNATURE_HEADER, "").split(" ")
        return any(hmac.compare_digest(one.encode(), expected.encode()) for one in given)
