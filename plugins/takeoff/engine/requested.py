"""What every request for an operation has in common: the draft that it opens with, and the overrides it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from takeoff.core.environment import Environment
from takeoff.core.journal_entries import Overridden
from takeoff.core.operation import OperationDraft, OperationKind, Placement
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.session import Session


class Request(Protocol):
    """Who wants something, why, and where it is seen."""

    @property
    def by(self) -> str:
        """Airflow user, chat user, ``user@machine``, or ``schedule``."""
        ...

    @property
    def reason(self) -> str:
        """Why, in their words."""
        ...

    @property
    def automatic(self) -> bool:
        """Whether the schedule or an event wants it, and no person."""
        ...

    @property
    def run(self) -> str:
        """``<dag id>/<run id>``; empty for the command line."""
        ...

    @property
    def run_url(self) -> str:
        """Where to look at that run."""
        ...


def draft_of(
    session: Session, request: Request, kind: OperationKind, version: str, passed: Mapping[str, str], **pinned: Any
) -> OperationDraft:
    """Draft an operation on the environment as its file has it now.

    Args:
        session: the environment.
        request: whose operation it is.
        kind: of the operation.
        version: in full.
        passed: gate or refusal → the reason to pass it.
        pinned: more of :class:`~takeoff.core.operation.OperationDraft` that this kind pins.
    """
    environment = session.environment
    return OperationDraft(
        kind=kind,
        environment=environment.name,
        package=environment.package.name,
        version=version,
        environment_sha256=session.environment_sha256,
        deploy_node=environment.deploy_node,
        placements=placements(environment),
        requested_by=request.by,
        reason=request.reason,
        automatic=request.automatic,
        run=request.run,
        run_url=request.run_url,
        skips=dict(passed),
        **pinned,
    )


def placements(environment: Environment) -> tuple[Placement, ...]:
    """List the hosts of every stage and role, in rollout order, as an operation pins them."""
    return tuple(
        Placement(stage=stage.name, role=role, hosts=part.hosts)
        for stage in environment.stages
        for role, part in stage.roles.items()
    )


async def tell_overridden(part: OperationPart, passed: Mapping[str, str]) -> None:
    """Journal what a person has passed, with the reason."""
    if passed:
        await part.tell(*(Overridden(name=name, reason=reason) for name, reason in passed.items()))
