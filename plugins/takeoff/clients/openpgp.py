"""Signatures of apt repositories, checked by ``gpgv``; what is returned is the text that was signed, and only that."""

from __future__ import annotations

import base64
import binascii
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from takeoff.core.errors import ConfigError, SourceUntrusted

GPGV_TIMEOUT_S = 30

WEAK_DIGESTS = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
"""Digests that apt does not believe either, by their number in RFC 4880 §9.4."""

_BEGIN = b"-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE = b"-----BEGIN PGP SIGNATURE-----"
_END = b"-----END PGP SIGNATURE-----"
_KEY_BLOCK = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]+\n)*?\r?\n"
    rb"(.*?)(?:\r?\n=[^\n]*)?\r?\n-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)


class SignatureChecker:
    """Believes what is signed by a key of one keyring.

    Args:
        keyring: file of public keys, binary or ASCII-armoured.
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
            ConfigError: the keyring cannot be read, or ``gpgv`` is not installed.
        """
        self._only_one_message(document, name)
        with TemporaryDirectory(prefix="takeoff-") as folder:
            message, text = Path(folder, "message"), Path(folder, "text")
            message.write_bytes(document)
            self._run_gpgv(folder, name, "--output", str(text), str(message))
            return text.read_bytes()

    def check_detached(self, document: bytes, signature: bytes, name: str) -> None:
        """Check a document against its detached signature.

        Raises:
            SourceUntrusted: it is signed by no key of the keyring that is valid today.
            ConfigError: the keyring cannot be read, or ``gpgv`` is not installed.
        """
        with TemporaryDirectory(prefix="takeoff-") as folder:
            message, signed = Path(folder, "message"), Path(folder, "signature")
            message.write_bytes(document)
            signed.write_bytes(signature)
            self._run_gpgv(folder, name, str(signed), str(message))

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

    def _run_gpgv(self, folder: str, name: str, *arguments: str) -> None:
        keys = Path(folder, "keys")
        keys.write_bytes(read_keyring(self._keyring))
        command = ["gpgv", "--quiet", "--homedir", folder, "--keyring", str(keys), "--status-fd", "1", *arguments]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        try:
            done = subprocess.run(command, capture_output=True, timeout=GPGV_TIMEOUT_S, env=environment, check=False)
        except FileNotFoundError:
            raise ConfigError(
                "gpgv is not installed on this machine, and without it no package source can be believed: "
                "install the package gpgv (Debian, Ubuntu), gnupg2 (Fedora) or gnupg (macOS)"
            ) from None
        except subprocess.TimeoutExpired:
            raise SourceUntrusted(
                self._source, f"the signature of {name} could not be checked in {GPGV_TIMEOUT_S} s"
            ) from None
        self._judge(done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), name)

    def _judge(self, status: str, errors: str, name: str) -> None:
        said = [line.removeprefix("[GNUPG:] ").split() for line in status.splitlines() if line.startswith("[GNUPG:] ")]
        words = {line[0]: line[1:] for line in said}
        if "BADSIG" in words:
            raise SourceUntrusted(self._source, f"{name} was changed after it was signed by {_signer(words['BADSIG'])}")
        if "GOODSIG" in words and "VALIDSIG" in words:
            if (digest := words["VALIDSIG"][7]) in WEAK_DIGESTS:
                raise SourceUntrusted(self._source, f"{name} is signed with {WEAK_DIGESTS[digest]}, which is forgeable")
            return
        if "EXPKEYSIG" in words:
            told = (
                f"the key that signed {name} has expired ({_signer(words['EXPKEYSIG'])}): renew it in {self._keyring}"
            )
        elif "REVKEYSIG" in words:
            told = f"the key that signed {name} was revoked ({_signer(words['REVKEYSIG'])})"
        elif "EXPSIG" in words:
            told = f"the signature of {name} has expired ({_signer(words['EXPSIG'])})"
        elif "NO_PUBKEY" in words:
            told = f"{name} is signed by key {words['NO_PUBKEY'][0]}, which is not in {self._keyring}"
        else:
            last = (errors or status).strip().splitlines()[-1:]
            told = f"the signature of {name} cannot be read: {''.join(last)}"
        raise SourceUntrusted(self._source, told)


def read_keyring(path: Path) -> bytes:
    """Read public keys as ``gpgv`` wants them: binary.

    Raises:
        ConfigError: the file is not there, or holds no keys.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"keyring {path} cannot be read: {error.strerror}") from error
    if blocks := _KEY_BLOCK.findall(data):
        try:
            return b"".join(base64.b64decode(b"".join(block.split()), validate=True) for block in blocks)
        except binascii.Error as error:
            raise ConfigError(f"keyring {path} is damaged: {error}") from error
    # An OpenPGP packet begins with a byte whose highest bit is set; a keybox has its magic at byte 8.
    if not data or not (data[0] & 0x80 or data[8:12] == b"KBXf"):
        raise ConfigError(f"keyring {path} holds no OpenPGP public keys")
    return data


def looks_like_html(document: bytes) -> bool:
    """Whether a document is a web page, such as a login form or an error page with status 200."""
    return document[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _signer(words: list[str]) -> str:
    return " ".join((words[0], *words[1:]))
