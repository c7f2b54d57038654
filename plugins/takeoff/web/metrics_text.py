"""The environments as Prometheus metrics. Every label's values come from files of ours or from a fixed list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.fleet_progress import FleetProgress, HostState
from takeoff.core.fleet_view import Mirrored

ENVIRONMENT = "environment"


def metrics_text(mirrored: Mapping[str, Mirrored], now: datetime) -> bytes:
    """Write the metrics in Prometheus's text form.

    Args:
        mirrored: what is known of each environment.
        now: in UTC.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Environments(mirrored, now))
    return generate_latest(registry)


class _Environments(Collector):
    """One scrape. What nobody has written yet gives no sample, so that no alert is calmed by a made-up zero."""

    def __init__(self, mirrored: Mapping[str, Mirrored], now: datetime) -> None:
        self._mirrored = mirrored
        self._now = now

    def collect(self) -> Iterator[GaugeMetricFamily]:
        known = _gauge("takeoff_state_known", "Whether a task has written the environment's state.")
        failing = _gauge("takeoff_package_source_failing", "Whether the package sources could not be asked last time.")
        for name, one in self._mirrored.items():
            known.add_metric([name], one.status is not None)
            failing.add_metric([name], one.trouble is not None)
        yield from (known, failing)
        yield from self._of_status({name: one.status for name, one in self._mirrored.items() if one.status})
        yield from self._of_hosts({name: one.progress for name, one in self._mirrored.items() if one.progress})

    def _of_status(self, states: Mapping[str, EnvironmentStatus]) -> Iterator[GaugeMetricFamily]:
        age = _gauge("takeoff_state_age_seconds", "Seconds since the environment's state was read from its journal.")
        deployed = _gauge("takeoff_deployed_info", "The version that the whole fleet ran last.", "version")
        hold = _gauge("takeoff_hold", "Whether automatic deploys are paused.")
        running = _gauge("takeoff_operation_in_progress", "Whether an operation holds the lease.")
        stopped = _gauge("takeoff_operation_stopped", "Whether the operation in progress has a failed task.")
        since = _gauge("takeoff_operation_start_timestamp_seconds", "When the operation in progress took the lease.")
        pending = _gauge("takeoff_pending_migrations", "Post-deploy migrations that have not run.")
        for name, status in states.items():
            operation = status.operation if status.operation and status.operation.outcome is None else None
            age.add_metric([name], max((self._now - status.looked_at).total_seconds(), 0.0))
            if status.deployed:
                deployed.add_metric([name, status.deployed], 1)
            # An expired pause may still be in a state that was written before.
            hold.add_metric([name], status.hold is not None and status.hold.active(self._now))
            running.add_metric([name], operation is not None)
            stopped.add_metric([name], operation is not None and any(t.state == "failed" for t in operation.tasks))
            if operation is not None:
                since.add_metric([name], operation.opened_at.timestamp())
            pending.add_metric([name], len(status.pending.names) if status.pending else 0)
        yield from (age, deployed, hold, running, stopped, since, pending)

    def _of_hosts(self, fleets: Mapping[str, FleetProgress]) -> Iterator[GaugeMetricFamily]:
        hosts = _gauge("takeoff_hosts", "Hosts by where Takeoff has put them.", "state")
        at = _gauge("takeoff_last_deploy_timestamp_seconds", "When the newest deploy that ended well ended.")
        took = _gauge("takeoff_last_deploy_duration_seconds", "How long that deploy held the lease.")
        for name, fleet in fleets.items():
            for state in HostState:
                hosts.add_metric([name, state.value], sum(host.state is state for host in fleet.hosts))
            if (last := fleet.last_deploy) is not None:
                at.add_metric([name], last.closed_at.timestamp())
                took.add_metric([name], (last.closed_at - last.opened_at).total_seconds())
        yield from (hosts, at, took)


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=[ENVIRONMENT, *labels])
