"""Checks signatures by Sequoia's Python binding, on machines without ``gpgv``."""

from __future__ import annotations

from datetime import UTC, datetime

from pysequoia import Cert, Sig
from pysequoia import verify as verify_signature

from takeoff.clients.keyring import Keyring, Rejected


def verify(document: bytes, signature: bytes | None, keyring: Keyring, name: str) -> bytes:
    """Check a document and return what is signed of it; see :func:`takeoff.clients.gpgv.verify`.

    Raises:
        Rejected: no key of the keyring that is valid today has signed it.
    """
    known = {cert.fingerprint: cert for cert in Cert.split_bytes(keyring.keys)}
    asked: list[str] = []

    def candidates(identifiers: list[str]) -> list[Cert]:
        asked.extend(identifiers)
        return list(known.values())

    try:
        detached = None if signature is None else Sig.from_bytes(signature)
        found = verify_signature(document, store=candidates, signature=detached)
    except RuntimeError as error:
        raise Rejected(_why(known, asked, keyring, name, str(error))) from None
    # Sequoia judges a key by the time of the signature; apt, and we, by today.
    for fingerprint in {one.certificate for one in found.valid_sigs}:
        if reason := _ended(known[fingerprint], keyring, name):
            raise Rejected(reason)
    return document if signature is not None else bytes(found.bytes or b"")


def _why(known: dict[str, Cert], asked: list[str], keyring: Keyring, name: str, error: str) -> str:
    signers = [cert for key in asked for print_, cert in known.items() if print_.endswith(key.lower())]
    for signer in signers:
        if reason := _ended(signer, keyring, name):
            return reason
    if signers:
        return f"{name} was changed after it was signed by {_called(signers[0])}"
    if asked:
        return f"{name} is signed by key {asked[0][-16:].upper()}, which is not in {keyring.path}, or it was changed"
    return f"the signature of {name} cannot be read: {error.splitlines()[0] if error else 'it is none'}"


def _ended(cert: Cert, keyring: Keyring, name: str) -> str | None:
    if cert.is_revoked:
        return f"the key that signed {name} was revoked ({_called(cert)})"
    if cert.expiration is not None and cert.expiration < datetime.now(UTC):
        return f"the key that signed {name} has expired ({_called(cert)}): renew it in {keyring.path}"
    return None


def _called(cert: Cert) -> str:
    return " ".join([cert.fingerprint[-16:].upper(), *(str(one) for one in cert.user_ids[:1])])
