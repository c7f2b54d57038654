"""How an environment's hosts are logged in to: the file, completed by the connection that it names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from takeoff.core.environment import SshSettings
from takeoff.core.errors import ConfigError
from takeoff.fleet.ssh_credentials import SshCredentials


def ssh_login(
    settings: SshSettings, *, login: str = "", port: int | None = None, extra: Mapping[str, Any] | None = None
) -> SshCredentials:
    """Put a login together; what the connection names goes before the file.

    Args:
        settings: the environment file's ``ssh``.
        login: the connection's.
        port: the connection's.
        extra: the connection's; ``key_file``, ``private_key`` and ``private_key_passphrase`` are Airflow's own keys.

    Raises:
        ConfigError: the connection names two keys, or asks not to check host keys.
    """
    said = extra or {}
    key_text, key_file = said.get("private_key"), said.get("key_file")
    if key_text and key_file:
        raise ConfigError(
            f"ssh.connection: connection {settings.connection!r} has both key_file and private_key; keep one of them"
        )
    if any(str(said.get(key, "false")).lower() == "true" for key in ("no_host_key_check", "allow_host_key_change")):
        raise ConfigError(
            f"ssh.connection: connection {settings.connection!r} asks not to check host keys; they are always checked: "
            "take that out of its extra, and name a file in ssh.known_hosts"
        )
    file = key_file or (None if key_text else settings.identity_file)
    return SshCredentials(
        user=login or settings.user,
        port=port or settings.port,
        key_file=Path(str(file)).expanduser() if file else None,
        key_text=str(key_text) if key_text else None,
        passphrase=said.get("private_key_passphrase"),
        certificate_file=Path(settings.certificate_file) if settings.certificate_file else None,
        known_hosts=Path(settings.known_hosts) if settings.known_hosts else None,
        jump_host=settings.jump_host,
    )
