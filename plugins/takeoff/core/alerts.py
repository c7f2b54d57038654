"""The verdict on outstanding alerts: what is new since the operation began, and whether monitoring lives at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from takeoff.core.errors import SourceUntrusted

NAMED_ALERTS = 5
"""New alerts that a sentence names; the rest is counted."""


class Alert(BaseModel):
    """One alert as Alertmanager's API v2 tells it (``api/v2/openapi.yaml``, ``gettableAlert``).

    Attributes:
        fingerprint: the same for the same labels.
        labels: what it is about.
        annotations: what people wrote about it.
        starts_at: since when it fires.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    fingerprint: str = Field(min_length=1)
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    starts_at: datetime = Field(alias="startsAt")

    def __str__(self) -> str:
        """Name, what it says, since when: ``HighErrorRate (web: 5 % errors) since 14:03 UTC``."""
        name = self.labels.get("alertname", self.fingerprint)
        title = self.annotations.get("title") or self.annotations.get("summary") or self.annotations.get("description")
        told = f" ({title})" if title else ""
        return f"{name}{told} since {self.starts_at:%H:%M UTC}"


_ALERTS = TypeAdapter(tuple[Alert, ...])


def read_alerts(answer: Any, source: str) -> tuple[Alert, ...]:
    """Read the answer to ``GET /api/v2/alerts``.

    Args:
        answer: the decoded JSON.
        source: whom it came from, for the message.

    Raises:
        SourceUntrusted: it is no list of alerts.
    """
    try:
        return _ALERTS.validate_python(answer)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the answer"
        raise SourceUntrusted(source, f"the list of alerts has an unexpected form: {where}: {first['msg']}") from None


@dataclass(frozen=True)
class AlertsSeen:
    """One look at the alerts.

    Attributes:
        new: firing, and not before the operation began.
        known: firing since before the operation began.
        heartbeat: whether the alert that always fires does.
    """

    new: tuple[Alert, ...]
    known: tuple[Alert, ...]
    heartbeat: bool

    @property
    def good(self) -> bool:
        """Whether the deploy may go on."""
        return self.heartbeat and not self.new

    @property
    def sentence(self) -> str:
        """What was seen, for people."""
        if not self.heartbeat:
            return "the heartbeat alert does not fire: monitoring is not working, so no alerts means nothing"
        known = f"; not judged, fired before the operation began: {_some(self.known)}" if self.known else ""
        if self.new:
            return f"{len(self.new)} critical since the operation began: {_some(self.new)}{known}"
        return f"no new critical alerts{known}"


def compare_alerts(firing: Iterable[Alert], baseline: Collection[str], *, heartbeat: bool) -> AlertsSeen:
    """Hold the firing alerts against those that fired before.

    Args:
        firing: the critical ones of a stage, now.
        baseline: fingerprints of those that fired when the operation opened.
        heartbeat: whether the heartbeat fires.
    """
    every = tuple(firing)
    return AlertsSeen(
        new=tuple(alert for alert in every if alert.fingerprint not in baseline),
        known=tuple(alert for alert in every if alert.fingerprint in baseline),
        heartbeat=heartbeat,
    )


def stage_matchers(matchers: Iterable[str], stage: str) -> tuple[str, ...]:
    """Fill the stage's name into matchers: ``stage="{stage}"``; other braces belong to regular expressions."""
    return tuple(matcher.replace("{stage}", stage) for matcher in matchers)


def _some(alerts: tuple[Alert, ...]) -> str:
    more = f" and {len(alerts) - NAMED_ALERTS} more" if len(alerts) > NAMED_ALERTS else ""
    return ", ".join(map(str, alerts[:NAMED_ALERTS])) + more
