"""Signatures, checked by gpgv and, where that is missing, by Sequoia: both believe and doubt the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from takeoff.clients import gpgv
from takeoff.clients.openpgp import SignatureChecker
from takeoff.core.errors import ConfigError, SourceUntrusted
from tests.clients.debian_repository import Keys, needs

pytestmark = needs("gpg", "gpgv")

TEXT = b"Suite: jammy\nCodename: jammy\n"


@pytest.fixture(params=["gpgv", "sequoia"])
def checker(request: pytest.FixtureRequest, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> SignatureChecker:
    monkeypatch.setattr(gpgv, "is_installed", lambda: request.param == "gpgv")
    return SignatureChecker(keys.keyring, "apt")


def cut_signature(document: bytes) -> bytes:
    """Take a character out of the signature's base64."""
    head, signature = document.split(b"SIGNATURE-----\n\n")
    return head + b"SIGNATURE-----\n\n" + signature[1:]


def changed(document: bytes) -> bytes:
    return document.replace(b"Codename: jammy", b"Codename: gammy")


def as_it_is(document: bytes) -> bytes:
    return document


def test_what_was_signed_is_returned(checker: SignatureChecker, keys: Keys) -> None:
    assert checker.signed_text(keys.clearsign(TEXT), "InRelease").strip() == TEXT.strip()


def test_lines_that_begin_with_a_dash_come_back_as_they_were(checker: SignatureChecker, keys: Keys) -> None:
    assert checker.signed_text(keys.clearsign(b"- one\n-----BEGIN\n"), "InRelease").strip() == b"- one\n-----BEGIN"


def test_a_detached_signature_is_checked(checker: SignatureChecker, keys: Keys) -> None:
    signature = keys.detached(TEXT)
    checker.check_detached(TEXT, signature, "Release")
    with pytest.raises(SourceUntrusted, match=r"apt: Release was changed after it was signed by .*trusted@takeoff"):
        checker.check_detached(changed(TEXT), signature, "Release")


@pytest.mark.parametrize(
    ("signer", "damage", "told"),
    [
        ("trusted", changed, "InRelease was changed after it was signed by [0-9A-F]{16} .*trusted@takeoff"),
        ("stranger", as_it_is, "InRelease is signed by key [0-9A-F]{16}, which is not in .*keyring.asc"),
        (
            "expired",
            as_it_is,
            "the key that signed InRelease has expired .*expired@takeoff.*: renew it in .*keyring",
        ),
        ("trusted", cut_signature, "the signature of InRelease cannot be read: "),
    ],
    ids=["changed", "another key", "expired key", "damaged signature"],
)
def test_what_is_doubtful_is_told(
    checker: SignatureChecker, keys: Keys, signer: str, damage: Callable[[bytes], bytes], told: str
) -> None:
    document = damage(keys.clearsign(TEXT, signer))
    with pytest.raises(SourceUntrusted, match=told) as caught:
        checker.signed_text(document, "InRelease")
    assert "\n" not in str(caught.value)


def test_a_signature_with_sha1_is_not_believed(checker: SignatureChecker, keys: Keys, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(TEXT)
    options = ("--armor", "--local-user", "trusted", "--digest-algo", "SHA1", "--allow-weak-digest-algos")
    document = keys.gpg(*options, "--output", "-", "--clearsign", str(file))
    with pytest.raises(SourceUntrusted, match="InRelease"):
        checker.signed_text(document, "InRelease")


def test_a_damaged_keyring_is_named(checker: SignatureChecker, keys: Keys, tmp_path: Path) -> None:
    keyring = tmp_path / "keyring.asc"
    keyring.write_bytes(keys.keyring.read_bytes().replace(b"\n\n", b"\n\n!!", 1))
    with pytest.raises(ConfigError, match="is damaged"):
        SignatureChecker(keyring, "apt").signed_text(keys.clearsign(TEXT), "InRelease")
