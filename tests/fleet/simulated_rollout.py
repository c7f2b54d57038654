"""What tests of rollouts on simulated hosts share: fleets of one role, and what became of each host."""

from __future__ import annotations

from typing import Any

from takeoff.core.reports import Result, RolloutReport
from tests.fleet.simulated_fleet import SimulatedFleet, environment_of

ORDER = ["install", "configure", "restart"]
"""The steps of a recipe that installs."""


def fleet_of(web: int, **settings: Any) -> SimulatedFleet:
    """So many web hosts in the stage ``main``."""
    return SimulatedFleet(environment_of({"main": {"web": web}}, **settings))


def results(report: RolloutReport | None) -> dict[str, Result]:
    assert report is not None
    return {outcome.host: outcome.result for outcome in report.hosts}
