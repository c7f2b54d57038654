"""An alert that fires while somebody has silenced it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from lab.faults import ALERT
from lab.kind import Fault
from lab.real.fleet import Fleet
from lab.real.servers.alerts import alertmanager
from lab.state import LabError

_COMMENT = "broken on purpose"
_LASTING = timedelta(days=1)


def faults(fleet: Fleet) -> list[Fault]:
    """The critical alert of the fault `alert`, under a silence."""
    url = f"{alertmanager(fleet.addresses).url}/api/v2"

    def silence(_: str) -> None:
        now = datetime.now(UTC)
        matchers = [{"name": name, "value": value, "isRegex": False, "isEqual": True} for name, value in ALERT.items()]
        period = {"startsAt": now.isoformat(), "endsAt": (now + _LASTING).isoformat()}
        _call("POST", f"{url}/silences", {"matchers": matchers, "createdBy": "lab", "comment": _COMMENT, **period})
        _call("POST", f"{url}/alerts", [{"labels": ALERT, "annotations": {"summary": _COMMENT}, **period}])

    def lift(_: str) -> None:
        for each in _call("GET", f"{url}/silences"):
            if each["comment"] == _COMMENT and each["status"]["state"] != "expired":
                _call("DELETE", f"{url}/silence/{each['id']}")
        ended = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        _call("POST", f"{url}/alerts", [{"labels": ALERT, "startsAt": ended, "endsAt": ended}])

    return [Fault("alert-silenced", "a critical alert fires, and somebody has silenced it", False, silence, lift)]


def _call(method: str, url: str, body: Any = None) -> Any:
    try:
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise LabError(f"Alertmanager does not do it: {error}") from None
    return answer.json() if answer.content else None
