"""The passwords, keys and the port of one local Airflow: made at its first start, kept for the next."""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import BaseModel, Field

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
        port: the API server's port in the last start; taken again if it is still free.
    """

    admin: Account = Field(default_factory=lambda: Account(name=ADMIN))
    service: Account = Field(default_factory=lambda: Account(name=SERVICE))
    jwt_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(64))
    api_secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    fernet_key: str = Field(default_factory=lambda: Fernet.generate_key().decode())
    port: int = 0

    @classmethod
    def load(cls, file: Path) -> AirflowSecrets:
        """Read them, or make new ones and write them."""
        if file.exists():
            return cls.model_validate_json(file.read_bytes())
        made = cls()
        made.save(file)
        return made

    def save(self, file: Path) -> None:
        """Write them, readable by their owner only."""
        write_file(file, self.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
