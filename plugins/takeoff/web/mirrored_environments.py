"""What Airflow's Variables hold of each environment: written by tasks, read by the web side, which asks no host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from airflow.sdk import Variable
from pydantic import BaseModel, ValidationError

from takeoff.core.dag_names import hosts_variable, state_variable, trouble_variable, why_variable
from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.fleet_progress import FleetProgress
from takeoff.core.fleet_view import Mirrored, SourceTrouble
from takeoff.core.why import Why

ReadVariable = Callable[[str], str]
"""Gives the text of the Variable of that name; empty if there is none."""

Model = TypeVar("Model", bound=BaseModel)

log = logging.getLogger(__name__)


def mirrored_environments(names: Iterable[str], read: ReadVariable | None = None) -> dict[str, Mirrored]:
    """Read what was written of these environments.

    Args:
        names: of the environments.
        read: reads a Variable; Airflow's by default.
    """
    read = read or _read_variable
    return {
        name: Mirrored(
            status=written_model(state_variable(name), read(state_variable(name)), EnvironmentStatus),
            progress=written_model(hosts_variable(name), read(hosts_variable(name)), FleetProgress),
            why=written_model(why_variable(name), read(why_variable(name)), Why),
            trouble=written_model(trouble_variable(name), read(trouble_variable(name)), SourceTrouble),
        )
        for name in names
    }


def written_model(variable: str, text: str, model: type[Model]) -> Model | None:
    """Read what a Variable holds; ``None`` if nobody wrote it, or an older Takeoff wrote what is not understood now."""
    try:
        return model.model_validate_json(text) if text else None
    except ValidationError:
        log.warning("Variable %s holds no %s: the next run writes it anew", variable, model.__name__)
        return None


def _read_variable(name: str) -> str:
    return str(Variable.get(name, default="") or "")
