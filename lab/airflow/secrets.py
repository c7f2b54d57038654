"""The passwords, keys and the port of one local Airflow: made at its first start, kept for the next."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import BaseModel, Field

from lab.ports import free_ports
from lab.state import write_file

ADMIN = "admin"
SERVICE = "takeoff"
"""The account that Takeoff itself uses on Airflow's REST API: to pause DAGs, end runs, note and answer."""


class Account(BaseModel):
    """A login of Airflow's."""

    name: str
    password: str = Field(default_factory=lambda: secrets.token_urlsafe(12))


class AirflowSecrets(BaseModel):
    """What must stay the same when Airflow is started again, so that sessions and links of the browser stay good.

    Attributes:
        port: the API server's port; another one takes its place when a start finds it in use.
    """

    admin: Account = Field(default_factory=lambda: Account(name=ADMIN))
    service: Account = Field(default_factory=lambda: Account(name=SERVICE))
    jwt_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(64))
    api_secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    fernet_key: str = Field(default_factory=lambda: Fernet.generate_key().decode())
    port: int = 0

    @classmethod
    def load(cls, file: Path) -> AirflowSecrets:
        """Read them, or make new ones and write them; of two who do so at once, both get the same."""
        if not file.exists():
            made = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
            cls(port=free_ports(1)[0]).save(made)
            with suppress(FileExistsError):
                os.link(made, file)
            made.unlink()
        return cls.model_validate_json(file.read_bytes())

    def save(self, file: Path) -> None:
        """Write them, readable by their owner only."""
        write_file(file, self.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
