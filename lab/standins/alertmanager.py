"""A stand-in for Alertmanager's API v2 (prometheus/alertmanager, api/v2/openapi.yaml): alerts, silences, status.

``python -m lab.standins.alertmanager ADDRESS PORT``. It keeps alerts in memory and notifies nobody.
"""

from __future__ import annotations

import hashlib
import re
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.standins.http_api import Api, ApiError, Request, Response

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert without ``endsAt`` fires after it was last posted; Alertmanager's default."""

VERSION = "0.25.0"

_MATCHER = re.compile(r'\s*([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|(\S*))\s*')


class Matcher:
    """One of Alertmanager's matchers, such as ``severity=~"s1|s2"``; regular expressions must match the whole value."""

    def __init__(self, text: str) -> None:
        match = _MATCHER.fullmatch(text)
        if not match:
            raise ApiError(400, f"bad matcher format: {text}")
        self.name, self.operator = match[1], match[2]
        self.value = re.sub(r"\\(.)", r"\1", match[3]) if match[3] is not None else match[4]

    def matches(self, labels: dict[str, str]) -> bool:
        """Whether the labels fit; a missing label counts as empty."""
        value = labels.get(self.name, "")
        equal = bool(re.fullmatch(self.value, value)) if "~" in self.operator else value == self.value
        return equal != self.operator.startswith("!")


class Alertmanager:
    """All alerts and silences of one server."""

    def __init__(self) -> None:
        self._alerts: dict[str, dict[str, Any]] = {}
        self._silences: dict[str, dict[str, Any]] = {}
        self._started = _now()

    def api(self) -> Api:
        """Its routes."""
        api = Api()
        for path in ("/-/ready", "/-/healthy"):
            api.add("GET", path, lambda _: Response(200, "OK"))
        api.add("GET", "/api/v2/status", lambda _: Response(200, self._status()))
        api.add("GET", "/api/v2/receivers", lambda _: Response(200, [{"name": "lab"}]))
        api.add("GET", "/api/v2/alerts", self._list)
        api.add("POST", "/api/v2/alerts", self._post)
        api.add(
            "GET", "/api/v2/silences", lambda _: Response(200, [self._shown(each) for each in self._silences.values()])
        )
        api.add("POST", "/api/v2/silences", self._silence)
        api.add(
            "GET", "/api/v2/silence/(?P<id>[^/]+)", lambda request: Response(200, self._shown(self._found(request)))
        )
        api.add("DELETE", "/api/v2/silence/(?P<id>[^/]+)", self._expire)
        return api

    def _list(self, request: Request) -> Response:
        wanted = {
            name: request.first(name, "true") != "false" for name in ("active", "silenced", "inhibited", "unprocessed")
        }
        matchers = [Matcher(value) for name, value in request.query if name == "filter"]
        receiver = request.first("receiver")
        if receiver and not re.fullmatch(receiver, "lab"):
            return Response(200, [])
        found = []
        for alert in self._alerts.values():
            silenced_by = self._silencing(alert["labels"])
            shown = wanted["silenced"] if silenced_by else wanted["active"]
            if shown and _time(alert["endsAt"]) > _now() and all(each.matches(alert["labels"]) for each in matchers):
                state = "suppressed" if silenced_by else "active"
                found.append({**alert, "status": {"state": state, "silencedBy": silenced_by, "inhibitedBy": []}})
        return Response(200, found)

    def _post(self, request: Request) -> Response:
        alerts = request.json()
        if not isinstance(alerts, list) or not all(isinstance(each, dict) and each.get("labels") for each in alerts):
            return Response(400, "at least one label pair required")
        for each in alerts:
            labels = dict(sorted(each["labels"].items()))
            fingerprint = hashlib.sha256(repr(labels).encode()).hexdigest()[:16]
            known = self._alerts.get(fingerprint)
            still = known if known and _time(known["endsAt"]) > _now() else None
            starts = each.get("startsAt") or (still["startsAt"] if still else _text(_now()))
            self._alerts[fingerprint] = {
                "labels": labels,
                "annotations": each.get("annotations", {}),
                "receivers": [{"name": "lab"}],
                "fingerprint": fingerprint,
                "startsAt": min(starts, still["startsAt"], key=_time) if still else starts,
                "endsAt": each.get("endsAt") or _text(_now() + RESOLVE_TIMEOUT),
                "updatedAt": _text(_now()),
                "generatorURL": each.get("generatorURL", ""),
            }
        return Response(200, "")

    def _silence(self, request: Request) -> Response:
        body = request.json()
        if not body.get("matchers") or not body.get("startsAt") or not body.get("endsAt"):
            return Response(400, "silence must contain at least one matcher, startsAt and endsAt")
        silence = {**body, "id": body.get("id") or str(uuid.uuid4()), "updatedAt": _text(_now())}
        self._silences[silence["id"]] = silence
        return Response(200, {"silenceID": silence["id"]})

    def _expire(self, request: Request) -> Response:
        self._found(request)["endsAt"] = _text(_now())
        return Response(200, "")

    def _found(self, request: Request) -> dict[str, Any]:
        silence = self._silences.get(request.match["id"])
        if silence is None:
            raise ApiError(404, None)
        return silence

    def _silencing(self, labels: dict[str, str]) -> list[str]:
        return [
            silence["id"]
            for silence in self._silences.values()
            if _state(silence) == "active" and all(_silence_matches(each, labels) for each in silence["matchers"])
        ]

    def _shown(self, silence: dict[str, Any]) -> dict[str, Any]:
        return {**silence, "status": {"state": _state(silence)}}

    def _status(self) -> dict[str, Any]:
        return {
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": "route: {receiver: lab}\nreceivers: [{name: lab}]\n"},
            "uptime": _text(self._started),
            "versionInfo": dict.fromkeys(("branch", "buildDate", "buildUser", "goVersion", "revision"), "")
            | {"version": VERSION},
        }


def _silence_matches(matcher: dict[str, Any], labels: dict[str, str]) -> bool:
    value = labels.get(matcher["name"], "")
    equal = bool(re.fullmatch(matcher["value"], value)) if matcher.get("isRegex") else value == matcher["value"]
    return equal == bool(matcher.get("isEqual", True))


def _state(silence: dict[str, Any]) -> str:
    if _time(silence["endsAt"]) <= _now():
        return "expired"
    return "active" if _time(silence["startsAt"]) <= _now() else "pending"


def _now() -> datetime:
    return datetime.now(UTC)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    Alertmanager().api().serve(sys.argv[1], int(sys.argv[2]))
