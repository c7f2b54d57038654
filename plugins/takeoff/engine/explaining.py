"""Why an environment is not on the newest package: the record, the freeze windows, the sources."""

from __future__ import annotations

from takeoff.core.errors import TakeoffError
from takeoff.core.why import Why, explain
from takeoff.engine.packages import look_for_packages
from takeoff.engine.session import Session

NAMED = 5
"""Versions passed over that are named; `takeoff packages` has them all."""


async def explain_now(session: Session, *, packages: bool = True) -> Why:
    """Say what stands in the way of the next deploy.

    Args:
        session: the environment.
        packages: ask the sources too; that they do not answer is told, not raised.

    Raises:
        HostUnreachable: the blessed node, which keeps the journal, gives no answer.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    record = await session.journal.read()
    version, sentences = "", []
    if packages and record.authority:
        try:
            report = await look_for_packages(session, deployed=record.deployed_version, rejected=record.rejected)
            report.raise_without_answer()
            version = report.version
            sentences = [f"{one.version} {one.reason}" for one in report.passed_over[:NAMED]]
        except TakeoffError as error:
            sentences = [f"whether there is a newer package is unknown: {error}"]
    return explain(record, session.environment, session.clock.now(), next_version=version, packages=sentences)
