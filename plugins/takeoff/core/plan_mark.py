"""A plan's mark: a hash in parts, so that a deploy that is held to it can say which thing has changed since."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError, Refused
from takeoff.core.plan import Plan
from takeoff.core.record import Record

PARTS = ("the version or the environment file", "the inventory", "the installed versions", "the lease")
"""What each part of a mark stands for, in its order."""

_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){3}")


def plan_mark(plan: Plan, environment: Environment, environment_sha256: str, record: Record) -> str:
    """Mark a plan with all that it was made on.

    Args:
        plan: what would be done.
        environment: inventories resolved.
        environment_sha256: hex digest of the environment file.
        record: the journal's: every operation that opens or goes on after the plan was made changes the mark.

    Returns:
        Four times eight hexadecimal digits, joined by ``-``.
    """
    fleet = [(one.stage, one.role, one.host.model_dump(mode="json")) for one in environment.members()]
    parts: tuple[Any, ...] = (
        (plan.environment, plan.version, plan.rollback, plan.tasks, environment_sha256),
        (environment.deploy_node.model_dump(mode="json"), fleet),
        plan.installed,
        (record.authority, record.epoch, record.open_operation is not None),
    )
    return "-".join(hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:8] for part in parts)


def check_mark(text: str) -> None:
    """Look whether a text is a mark at all.

    Raises:
        ConfigError: it is not.
    """
    if text and not _FORM.fullmatch(text):
        raise ConfigError(
            f"--plan {text}: that is no plan's hash, which has four times eight hexadecimal digits: copy the last line "
            "of `takeoff plan ENV VERSION`"
        )


def changed_parts(given: str, now: str) -> tuple[str, ...]:
    """Name what has changed between two marks."""
    pairs = zip(PARTS, given.split("-"), now.split("-"), strict=True)
    return tuple(part for part, before, after in pairs if before != after)


def refuse_changed(given: str, now: str, plan: Plan) -> None:
    """Hold a deploy to the plan that a person has seen.

    Raises:
        Refused: named ``plan``: something has changed since; says what.
    """
    if changed := changed_parts(given, now):
        raise Refused(
            "plan",
            f"cannot deploy {plan.version} to {plan.environment} as planned: {' and '.join(changed)} changed since "
            f"plan {given} was made; nothing was begun: look at `takeoff plan {plan.environment} {plan.version}` again",
        )
