"""The keys of a package repository, from a file as people keep it: binary or ASCII-armoured."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

from takeoff.core.errors import ConfigError

_KEY_BLOCK = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\n]+\n)*?\r?\n"
    rb"(.*?)(?:\r?\n=[^\n]*)?\r?\n-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)


class Rejected(ValueError):
    """A signature is not to be believed; the message says why, naming the document."""


@dataclass(frozen=True)
class Keyring:
    """Public keys.

    Attributes:
        path: the file.
        keys: its OpenPGP packets, binary.
    """

    path: Path
    keys: bytes

    @classmethod
    def read(cls, path: Path) -> Keyring:
        """Read the file.

        Raises:
            ConfigError: it is not there, or holds no keys.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"keyring {path} cannot be read: {error.strerror}") from error
        if blocks := _KEY_BLOCK.findall(data):
            try:
                return cls(path, b"".join(base64.b64decode(b"".join(block.split()), validate=True) for block in blocks))
            except binascii.Error as error:
                raise ConfigError(f"keyring {path} is damaged: {error}") from error
        # An OpenPGP packet begins with a byte whose highest bit is set; a keybox has its magic at byte 8.
        if not data or not (data[0] & 0x80 or data[8:12] == b"KBXf"):
            raise ConfigError(f"keyring {path} holds no OpenPGP public keys")
        return cls(path, data)
