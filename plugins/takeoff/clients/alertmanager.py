"""Prometheus Alertmanager's API v2 (github.com/prometheus/alertmanager, ``api/v2/openapi.yaml``)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import requests

from takeoff.clients.json_requests import request_json
from takeoff.core.alerts import Alert, AlertsSeen, compare_alerts, read_alerts


class Alertmanager:
    """Asks one Alertmanager what fires.

    Args:
        url: its address, without ``/api/v2``.
        session: carries login and certificates.
    """

    def __init__(self, url: str, session: requests.Session) -> None:
        self.url = url.rstrip("/")
        self._session = session
        self._name = f"Alertmanager at {self.url}"

    def firing(self, matchers: Iterable[str], *, suppressed: bool = False) -> tuple[Alert, ...]:
        """List the firing alerts that all matchers hold for.

        Args:
            matchers: in Alertmanager's form: ``severity=~"s1|s2"``.
            suppressed: silenced and inhibited ones too.

        Raises:
            SourceUnavailable: no answer.
            SourceUntrusted: the answer is no list of alerts.
            ConfigError: Alertmanager refuses a matcher or the login.
        """
        # Every one of these is true unless told otherwise.
        wanted = {"active": "true", "unprocessed": "false"}
        wanted |= dict.fromkeys(("silenced", "inhibited"), str(suppressed).lower())
        answer = request_json(
            self._session,
            self._name,
            "GET",
            f"{self.url}/api/v2/alerts",
            params=[*wanted.items(), *(("filter", matcher) for matcher in matchers)],
        )
        return read_alerts(answer, self._name)

    def look(self, matchers: Iterable[str], heartbeat: str, baseline: Collection[str]) -> AlertsSeen:
        """Compare what fires now with what fired before.

        Args:
            matchers: of the critical alerts.
            heartbeat: matcher of the alert that always fires.
            baseline: fingerprints of those that fired before.

        Raises:
            SourceUnavailable: no answer.
            SourceUntrusted: an answer is no list of alerts.
            ConfigError: Alertmanager refuses a matcher or the login.
        """
        beating = bool(self.firing([heartbeat], suppressed=True))
        return compare_alerts(self.firing(matchers), baseline, heartbeat=beating)
