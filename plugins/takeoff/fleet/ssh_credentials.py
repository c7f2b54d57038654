"""How hosts are logged in to, once Airflow's connection or the environment file has said so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from takeoff.core.errors import ConfigError


@dataclass(frozen=True)
class SshCredentials:
    """Login of all hosts of an environment.

    Attributes:
        user: login name; asyncssh's default (who runs this process) if None.
        port: for hosts that name none of their own.
        key_file: private key; its ``-cert.pub`` beside it is used too.
        key_text: private key as text, as Airflow's connections hold it; goes before ``key_file``.
        passphrase: of the private key.
        certificate_file: the key's OpenSSH certificate.
        known_hosts: known_hosts file; ``~/.ssh/known_hosts`` if None.
        jump_host: ``[user@]host[:port]`` that connections go through.
    """

    user: str | None = None
    port: int = 22
    key_file: Path | None = None
    key_text: str | None = None
    passphrase: str | None = None
    certificate_file: Path | None = None
    known_hosts: Path | None = None
    jump_host: str | None = None

    @property
    def known_hosts_path(self) -> Path:
        """The file that host keys are looked up in."""
        return self.known_hosts or Path.home() / ".ssh" / "known_hosts"

    def load_keys(self) -> Sequence[asyncssh.SSHKeyPair] | None:
        """Read the private key; None if none is given: then agent and default keys are used, as ssh would.

        Raises:
            ConfigError: file missing, key malformed, passphrase wrong or missing.
        """
        if self.key_text is None and self.key_file is None:
            return None
        where = "the connection's private key" if self.key_text is not None else f"private key {self.key_file}"
        try:
            if self.key_text is not None:
                key = asyncssh.import_private_key(self.key_text, self.passphrase)
            else:
                key = asyncssh.read_private_key(str(self.key_file), self.passphrase)
            certificate = str(self.certificate_file) if self.certificate_file else None
            if certificate is None and self.key_file is not None and self.key_text is None:
                beside = self.key_file.with_name(f"{self.key_file.name}-cert.pub")
                certificate = str(beside) if beside.exists() else None
            return asyncssh.load_keypairs([(key, certificate)] if certificate else [key])
        except asyncssh.KeyEncryptionError:
            raise ConfigError(
                f"{where} cannot be opened: the passphrase is wrong; correct it in the connection"
            ) from None
        except (OSError, asyncssh.KeyImportError, ValueError) as error:
            if "Passphrase must be specified" in str(error):
                raise ConfigError(
                    f"{where} needs a passphrase: give it in the connection, or name another key"
                ) from None
            raise ConfigError(f"{where} cannot be used: {error}; name an OpenSSH or PEM private key") from None

    def load_known_hosts(self) -> asyncssh.SSHKnownHosts:
        """Read the known_hosts file.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            return asyncssh.read_known_hosts(str(self.known_hosts_path))
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"known_hosts file {self.known_hosts_path} cannot be read ({error}): host keys are always checked; "
                f"make it with ssh-keyscan and compare the fingerprints, or set ssh.known_hosts"
            ) from None

    def jump(self) -> tuple[str | None, str, int] | None:
        """Take the jump host apart: user, host, port.

        Raises:
            ConfigError: it is not of the form ``[user@]host[:port]``.
        """
        if self.jump_host is None:
            return None
        match = re.fullmatch(
            r"(?:(?P<user>[^@\s]+)@)?(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\])(?::(?P<port>\d{1,5}))?", self.jump_host
        )
        if match is None:
            raise ConfigError(f"ssh.jump_host: {self.jump_host!r} is not of the form user@host:port")
        return match["user"] or self.user, match["host"].strip("[]"), int(match["port"] or 22)
