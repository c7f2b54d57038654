"""What can forbid a deploy before it changes anything: each gate with what blocks, since when, who, what lifts it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from takeoff.core.operation import Stored

PAUSED = "paused"
LEASE = "lease"
FREEZE = "freeze"
GITLAB_FREEZE = "gitlab_freeze"
UPGRADE_PATH = "upgrade_path"
BACKGROUND_MIGRATIONS = "background_migrations"
REJECTED = "rejected"
LEFT_BEHIND = "left_behind"
POST_DEPLOY_PENDING = "post_deploy_pending"
AUTHORITY = "authority"
HOSTS = "hosts"

WAITING = frozenset({PAUSED, LEASE, FREEZE, GITLAB_FREEZE, REJECTED})
"""Gates that only ask to wait: an automatic run that meets nothing else ends well, its later tasks skipped."""

NEVER_SKIPPED = frozenset({LEASE, AUTHORITY})
"""Gates that no reason passes: two operations at once, or a journal that cannot be trusted."""


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


def with_skips(findings: tuple[Finding, ...], skips: Mapping[str, str]) -> tuple[Finding, ...]:
    """Let the gates pass that a person gave a reason for; the lease and the authority never do."""
    return tuple(
        finding.model_copy(update={"weight": Weight.SKIPPED, "skip_reason": skips[finding.gate]})
        if finding.weight is Weight.BLOCKS and finding.gate in skips and finding.gate not in NEVER_SKIPPED
        else finding
        for finding in findings
    )
