"""Who may ring: the secret token, and the signature with its age."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.errors import ConfigError
from takeoff.core.webhook_signature import HookSecrets

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
KEY = b"0123456789abcdef0123456789abcdef"
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"object_kind": "pipeline"}'


def signed(body: bytes = BODY, *, key: bytes = KEY, at: datetime = NOW, identifier: str = "f5e5f430") -> dict[str, str]:
    """Sign as GitLab does (gitlab-org/gitlab!230944)."""
    time = str(int(at.timestamp()))
    digest = hmac.new(key, f"{identifier}.{time}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": identifier,
        "webhook-timestamp": time,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


@pytest.mark.parametrize(
    ("token", "headers", "allowed"),
    [
        ("s3cret", {"x-gitlab-token": "s3cret"}, True),
        ("s3cret", {"x-gitlab-token": "S3cret"}, False),
        ("s3cret", {"x-gitlab-token": ""}, False),
        ("s3cret", {"x-gitlab-token": "ŝecret"}, False),
        ("s3cret", {}, False),
    ],
    ids=["right", "wrong", "empty", "not ASCII", "missing"],
)
def test_the_secret_token_is_compared(token: str, headers: dict[str, str], *, allowed: bool) -> None:
    assert HookSecrets(token).allow(headers, BODY, NOW) is allowed


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        (signed(), True),
        (signed() | {"webhook-signature": "v1,AAAA " + signed()["webhook-signature"]}, True),
        (signed(at=NOW - timedelta(seconds=299)), True),
        (signed(at=NOW - timedelta(seconds=301)), False),
        (signed(at=NOW + timedelta(seconds=301)), False),
        (signed(key=b"another key"), False),
        (signed(b"another body"), False),
        (signed() | {"webhook-id": "another"}, False),
        (signed() | {"webhook-timestamp": str(int(NOW.timestamp()) + 1)}, False),
        (signed() | {"webhook-timestamp": "now"}, False),
        (signed() | {"webhook-timestamp": "９" * 11}, False),
        (signed() | {"webhook-timestamp": "9" * 500}, False),
        (signed() | {"webhook-signature": ""}, False),
        (signed() | {"webhook-signature": signed()["webhook-signature"].replace("v1,", "v2,")}, False),
        ({}, False),
        ({"x-gitlab-token": SIGNING_TOKEN}, False),
    ],
    ids=[
        *[
            "right",
            "one of several",
            "299 s old",
            "301 s old",
            "301 s ahead",
            "another key",
            "another body",
            "another id",
        ],
        *["another time", "no time", "digits of another script", "endless time", "empty", "another form", "nothing"],
        "the signing token sent as it is",
    ],
)
def test_the_signature_covers_identifier_time_and_body(headers: dict[str, str], *, allowed: bool) -> None:
    assert HookSecrets.of("", SIGNING_TOKEN, "hook").allow(headers, BODY, NOW) is allowed


def test_a_webhook_that_has_both_must_prove_both() -> None:
    both = HookSecrets.of("s3cret", SIGNING_TOKEN, "hook")
    token = {"x-gitlab-token": "s3cret"}
    assert both.allow(signed() | token, BODY, NOW)
    assert not both.allow(signed(), BODY, NOW)
    assert not both.allow(token, BODY, NOW)


@given(st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()))
def test_no_headers_but_the_right_ones_are_let_in(headers: dict[str, str]) -> None:
    assert not HookSecrets.of("", SIGNING_TOKEN, "hook").allow(headers, BODY, NOW)


@pytest.mark.parametrize(
    ("token", "signing_token", "told"),
    [
        ("", "", "has neither a password nor an extra `signing_token`"),
        ("", "whsec_", "signing_token is not GitLab's"),
        ("", "whsec_?", "signing_token is not GitLab's"),
        ("", base64.b64encode(KEY).decode(), "begins with whsec_"),
    ],
)
def test_secrets_that_are_none_are_refused(token: str, signing_token: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        HookSecrets.of(token, signing_token, "hook")


def test_secrets_are_not_printed() -> None:
    assert "s3cret" not in repr(HookSecrets("s3cret", KEY))
