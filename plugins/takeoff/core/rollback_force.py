"""Refusals of a rollback that a person may force, each with a reason that the journal keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from takeoff.core.errors import ConfigError
from takeoff.core.gates import Finding, Weight
from takeoff.core.rollback_refusals import FORCEABLE, NEVER_FORCED
from takeoff.core.verdict import Verdict


def check_force(force: Mapping[str, str]) -> None:
    """Look at the refusals that a person wants to force.

    Raises:
        ConfigError: one is no refusal, can never be forced, or has no reason.
    """
    known = f"these can be forced: {', '.join(FORCEABLE)}"
    for name, reason in force.items():
        if name in NEVER_FORCED:
            raise ConfigError(f"force: the refusal {name!r} can never be forced; {known}")
        if name not in FORCEABLE:
            raise ConfigError(f"force: there is no refusal {name!r}; {known}")
        if not reason.strip():
            raise ConfigError(f"force: passing the refusal {name!r} needs a reason: --force {name}='why'")


def with_force(verdict: Verdict, force: Mapping[str, str]) -> Verdict:
    """Let the refusals pass that a person gave a reason for."""
    refusals = tuple(_passed(finding, force) for finding in verdict.refusals)
    reachable = not any(finding.weight is Weight.BLOCKS for finding in refusals)
    return verdict.model_copy(update={"refusals": refusals, "reachable": reachable})


def forced_in(findings: Iterable[Finding]) -> dict[str, str]:
    """Name the refusals that were passed, with their reasons."""
    return {finding.gate: finding.skip_reason for finding in findings if finding.weight is Weight.SKIPPED}


def _passed(finding: Finding, force: Mapping[str, str]) -> Finding:
    if finding.weight is not Weight.BLOCKS or finding.gate not in FORCEABLE or finding.gate not in force:
        return finding
    return finding.model_copy(update={"weight": Weight.SKIPPED, "skip_reason": force[finding.gate]})
