"""What preflight finds: gates by name, what each finding does to a deploy, and how a person passes one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from takeoff.core.errors import ConfigError, Refused
from takeoff.core.operation import Stored

PAUSED = "paused"
LEASE = "lease"
AUTHORITY = "authority"
DOWNGRADE = "downgrade"
REJECTED = "rejected"
UPGRADE_PATH = "upgrade_path"
FREEZE = "freeze"
GITLAB_FREEZE = "gitlab_freeze"
BACKGROUND_MIGRATIONS = "background_migrations"
POST_DEPLOY_PENDING = "post_deploy_pending"
LEFT_BEHIND = "left_behind"
QA = "qa"
ALERTS = "alerts"
HOSTS = "hosts"

WAITING = frozenset({PAUSED, LEASE, FREEZE, GITLAB_FREEZE, REJECTED})
"""Gates that only ask to wait: an automatic run that meets nothing else ends well, its later tasks skipped."""

NEVER_SKIPPED = frozenset({LEASE, AUTHORITY, DOWNGRADE})
"""Gates that no reason passes: two operations at once, a journal that cannot be trusted, a rollback in disguise."""

SKIPPABLE = (
    PAUSED,
    REJECTED,
    UPGRADE_PATH,
    FREEZE,
    GITLAB_FREEZE,
    BACKGROUND_MIGRATIONS,
    POST_DEPLOY_PENDING,
    LEFT_BEHIND,
    QA,
    ALERTS,
    HOSTS,
)
"""Gates that ``--skip NAME=REASON`` passes."""


class Weight(StrEnum):
    """What a finding does to the deploy."""

    BLOCKS = "blocks"
    SKIPPED = "skipped"
    """It would block, and a person passed it with a reason."""
    TOLD = "told"
    """Worth knowing; blocks nothing."""


class Finding(Stored):
    """One thing that preflight found.

    Attributes:
        gate: the gate's name, as ``--skip`` takes it.
        weight: what it does to the deploy.
        message: one sentence: what blocks.
        since: since when.
        by: who holds it.
        lifts: what lifts it: a command, or a thing to do.
        host: where, if it concerns one host.
        skip_reason: why a person passed it.
    """

    gate: str
    weight: Weight = Weight.BLOCKS
    message: str
    since: datetime | None = None
    by: str = ""
    lifts: str = ""
    host: str = ""
    skip_reason: str = ""

    def sentence(self) -> str:
        """Say it in one line: gate, what, since when, who, what lifts it."""
        told = f"{self.gate}: {self.host + ': ' if self.host else ''}{self.message}"
        told += f", since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        told += f", by {self.by}" if self.by else ""
        told += f" — {self.lifts}" if self.lifts else ""
        return told + (f" (passed: {self.skip_reason})" if self.skip_reason else "")


def check_skips(skips: Mapping[str, str]) -> None:
    """Look at the gates that a person wants to pass.

    Raises:
        ConfigError: one is no gate, can never be passed, or has no reason.
    """
    for gate, reason in skips.items():
        if gate in NEVER_SKIPPED:
            raise ConfigError(f"skip: the gate {gate!r} can never be passed; these can: {', '.join(SKIPPABLE)}")
        if gate not in SKIPPABLE:
            raise ConfigError(f"skip: there is no gate {gate!r}; these can be passed: {', '.join(SKIPPABLE)}")
        if not reason.strip():
            raise ConfigError(f"skip: passing the gate {gate!r} needs a reason: --skip {gate}='why'")


def with_skips(findings: Iterable[Finding], skips: Mapping[str, str]) -> tuple[Finding, ...]:
    """Let the gates pass that a person gave a reason for; those of ``NEVER_SKIPPED`` never do."""
    return tuple(
        finding.model_copy(update={"weight": Weight.SKIPPED, "skip_reason": skips[finding.gate]})
        if finding.weight is Weight.BLOCKS and finding.gate in skips and finding.gate not in NEVER_SKIPPED
        else finding
        for finding in findings
    )


def blockers(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Pick what forbids the deploy."""
    return tuple(finding for finding in findings if finding.weight is Weight.BLOCKS)


def refuse(findings: Iterable[Finding], wanted: str) -> None:
    """Raise if anything blocks, with all that does in one message.

    Args:
        findings: what was found.
        wanted: what is refused: ``deploy 17.2.0-ee.0 to gstg``.

    Raises:
        Refused: named after the first gate that must not merely be waited for, else after the first.
    """
    blocking = blockers(findings)
    if not blocking:
        return
    first = next((finding for finding in blocking if finding.gate not in WAITING), blocking[0])
    told = [finding.sentence() for finding in blocking]
    listed = told[0] if len(told) == 1 else "".join(f"\n  {sentence}" for sentence in told)
    raise Refused(first.gate, f"cannot {wanted}: {listed}")
