"""Signatures of apt repositories: what is returned is the text that was signed, and only that."""

from __future__ import annotations

from pathlib import Path

from takeoff.clients import gpgv
from takeoff.clients.keyring import Keyring, Rejected
from takeoff.core.errors import SourceUntrusted

_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END = b"-----END PGP SIGNATURE-----"


class SignatureChecker:
    """Believes what is signed by a key of one keyring.

    Args:
        keyring: file of public keys, binary or ASCII-armoured; read at every check.
        source: name of the source, for messages.
    """

    def __init__(self, keyring: Path, source: str) -> None:
        self._keyring = keyring
        self._source = source

    def signed_text(self, document: bytes, name: str) -> bytes:
        """Check a clearsigned document and return what was signed.

        Args:
            document: the file, signature included.
            name: what to call it in messages (``InRelease of jammy``).

        Raises:
            SourceUntrusted: it is not signed as a whole, or by no key of the keyring that is valid today.
            ConfigError: the keyring cannot be read.
        """
        self._only_one_message(document, name)
        return self._verified(document, None, name)

    def check_detached(self, document: bytes, signature: bytes, name: str) -> None:
        """Check a document against its detached signature.

        Raises:
            SourceUntrusted: it is signed by no key of the keyring that is valid today.
            ConfigError: the keyring cannot be read.
        """
        self._verified(document, signature, name)

    def _verified(self, document: bytes, signature: bytes | None, name: str) -> bytes:
        # gpgv is what apt trusts; Debian from 13 on has it no more by default, and other systems may lack it.
        if gpgv.is_installed():
            verify = gpgv.verify
        else:
            from takeoff.clients.sequoia import verify
        try:
            return verify(document, signature, Keyring.read(self._keyring), name)
        except Rejected as error:
            raise SourceUntrusted(self._source, str(error)) from None

    def _only_one_message(self, document: bytes, name: str) -> None:
        if looks_like_html(document):
            raise SourceUntrusted(self._source, f"{name} is a web page, not a signed file: is the URL right?")
        if _BEGIN not in document:
            raise SourceUntrusted(self._source, f"{name} is not signed: nothing of it is believed")
        if not document.startswith(_BEGIN):
            raise SourceUntrusted(
                self._source, f"{name} has text before its signed part, which anybody may have put there"
            )
        whole = [document.count(b"\n" + mark) for mark in (_BEGIN, _SIGNATURE, _END)] == [0, 1, 1]
        if not whole or document.split(_END, 1)[1].strip():
            raise SourceUntrusted(
                self._source, f"{name} is more, or less, than one signed text: it was cut or added to"
            )


def looks_like_html(document: bytes) -> bool:
    """Whether a document is a web page, such as a login form or an error page with status 200."""
    return document[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html"))
