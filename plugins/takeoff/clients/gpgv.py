"""Checks signatures by ``gpgv``, the program with which apt itself does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from takeoff.clients.keyring import Keyring, Rejected

TIMEOUT_S = 30

WEAK_DIGESTS = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
"""Digests that apt does not believe either, by their number in RFC 4880 §9.4."""


def is_installed() -> bool:
    """Whether this machine has it."""
    return shutil.which("gpgv") is not None


def verify(document: bytes, signature: bytes | None, keyring: Keyring, name: str) -> bytes:
    """Check a document and return what is signed of it.

    Args:
        document: clearsigned, or what a detached signature is about.
        signature: the detached signature.
        keyring: whose keys are believed.
        name: what to call the document.

    Raises:
        Rejected: no key of the keyring that is valid today has signed it.
    """
    with TemporaryDirectory(prefix="takeoff-") as folder:
        keys, message, detached, text = (Path(folder, part) for part in ("keys", "message", "signature", "text"))
        keys.write_bytes(keyring.keys)
        message.write_bytes(document)
        arguments = ["--output", str(text), str(message)]
        if signature is not None:
            detached.write_bytes(signature)
            arguments = [str(detached), str(message)]
        command = ["gpgv", "--quiet", "--homedir", folder, "--keyring", str(keys), "--status-fd", "1", *arguments]
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
        try:
            done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, env=environment, check=False)
        except subprocess.TimeoutExpired:
            raise Rejected(f"the signature of {name} could not be checked in {TIMEOUT_S} s") from None
        _judge(done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"), keyring, name)
        return document if signature is not None else text.read_bytes()


def _judge(status: str, errors: str, keyring: Keyring, name: str) -> None:
    """Read ``gpgv``'s status lines (GnuPG, doc/DETAILS, "Format of the --status-fd output")."""
    lines = [line.removeprefix("[GNUPG:] ").split() for line in status.splitlines() if line.startswith("[GNUPG:] ")]
    words = {line[0]: line[1:] for line in lines}
    if "BADSIG" in words:
        raise Rejected(f"{name} was changed after it was signed by {' '.join(words['BADSIG'])}")
    if "GOODSIG" in words and "VALIDSIG" in words:
        if (digest := words["VALIDSIG"][7]) in WEAK_DIGESTS:
            raise Rejected(f"{name} is signed with {WEAK_DIGESTS[digest]}, which is forgeable")
        return
    if "EXPKEYSIG" in words:
        signer = " ".join(words["EXPKEYSIG"])
        raise Rejected(f"the key that signed {name} has expired ({signer}): renew it in {keyring.path}")
    if "REVKEYSIG" in words:
        raise Rejected(f"the key that signed {name} was revoked ({' '.join(words['REVKEYSIG'])})")
    if "EXPSIG" in words:
        raise Rejected(f"the signature of {name} has expired ({' '.join(words['EXPSIG'])})")
    if "NO_PUBKEY" in words:
        raise Rejected(f"{name} is signed by key {words['NO_PUBKEY'][0]}, which is not in {keyring.path}")
    last = (errors or status).strip().splitlines()[-1:]
    raise Rejected(f"the signature of {name} cannot be read: {''.join(last)}")
