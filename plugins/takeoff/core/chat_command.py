"""A command as it was understood: what is wanted, which rights it needs, and whether it must be confirmed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from takeoff.core.people_settings import Right
from takeoff.core.strict_model import format_duration


class Verb(StrEnum):
    """What is wanted; the value is what a person types first."""

    STATUS = "status"
    WHY = "why"
    PACKAGES = "packages"
    ROLLBACK_CHECK = "rollback check"
    LEASE = "lease"
    DEPLOY = "deploy"
    CHECK = "deploy --check"
    WARMUP = "deploy --warmup"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"
    POST_DEPLOY = "post-deploy"
    RETRY = "retry"
    LEASE_RELEASE = "lease release"
    HELP = "help"


RIGHTS: dict[Verb, Right] = {
    Verb.STATUS: Right.LOOK,
    Verb.WHY: Right.LOOK,
    Verb.PACKAGES: Right.LOOK,
    Verb.ROLLBACK_CHECK: Right.LOOK,
    Verb.LEASE: Right.LOOK,
    Verb.CHECK: Right.LOOK,
    Verb.DEPLOY: Right.DEPLOY,
    Verb.WARMUP: Right.DEPLOY,
    Verb.RETRY: Right.DEPLOY,
    Verb.ROLLBACK: Right.ROLLBACK,
    Verb.PAUSE: Right.PAUSE,
    Verb.RESUME: Right.PAUSE,
    Verb.POST_DEPLOY: Right.POST_DEPLOY,
    Verb.LEASE_RELEASE: Right.LEASE,
}
"""The right that each command needs; ``help`` needs none."""

IRREVERSIBLE = (Verb.POST_DEPLOY, Verb.LEASE_RELEASE)
"""Commands whose effect cannot be undone; a rollback is one of them only when a refusal is forced."""


@dataclass(frozen=True)
class ChatCommand:
    """One command.

    Attributes:
        verb: what is wanted.
        environment: its name; empty for ``help``, and for ``status`` of all.
        version: as it was typed, in a version's strict form; empty where none is.
        reason: why, in their words.
        lasting: how long a pause holds; for ever if ``None``.
        stop_after: ``host`` or ``batch``: a pause stops the open operation too, once these are finished.
        skips: gate → reason.
        force: refusal of a rollback → reason.
        topic: the command that help is wanted for; empty for all.
        confirm: code of the question that is answered with yes; empty if none is.
    """

    verb: Verb
    environment: str = ""
    version: str = ""
    reason: str = ""
    lasting: timedelta | None = None
    stop_after: str = ""
    skips: Mapping[str, str] = field(default_factory=dict)
    force: Mapping[str, str] = field(default_factory=dict)
    topic: str = ""
    confirm: str = ""

    @property
    def needs(self) -> tuple[Right, ...]:
        """The rights that it takes, all of them."""
        right = RIGHTS.get(self.verb)
        needed = (right,) if right else ()
        return (*needed, Right.OVERRIDE) if self.skips or self.force else needed

    @property
    def irreversible(self) -> bool:
        """Whether it must be confirmed, because it cannot be undone."""
        return self.verb in IRREVERSIBLE or (self.verb is Verb.ROLLBACK and bool(self.force))

    @property
    def text(self) -> str:
        """The command in its one canonical form, which parses to the same command again."""
        return " ".join(self._words())

    def with_version(self, version: str) -> ChatCommand:
        """The same command with its version in full."""
        return replace(self, version=version)

    def unconfirmed(self) -> ChatCommand:
        """The same command without an answer to its question."""
        return replace(self, confirm="")

    def _words(self) -> Iterator[str]:
        verb, _, after = self.verb.value.partition(" ")
        yield verb
        if self.verb is Verb.ROLLBACK_CHECK:
            yield after
        yield from filter(None, (self.environment, self.version, self.topic))
        if self.verb is not Verb.ROLLBACK_CHECK and after:
            yield after
        for option, pairs in (("--skip", self.skips), ("--force", self.force)):
            for name, reason in sorted(pairs.items()):
                yield f'{option} "{name}={reason}"'
        if self.lasting is not None:
            yield f"--for {format_duration(self.lasting)}"
        if self.stop_after:
            yield f"--stop-after {self.stop_after}"
        if self.reason:
            yield f'--reason "{self.reason}"'
        if self.confirm:
            yield f"--confirm {self.confirm}"
