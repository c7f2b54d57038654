"""The users' traffic tells a rolling restart with draining from one without."""

from collections.abc import Iterator

import pytest

from lab.traffic.commands import start_traffic, stop_traffic
from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab


@pytest.fixture
def traffic(lab: RunningLab) -> Iterator[None]:
    """Let users come for the length of one test."""
    start_traffic(lab.state)
    yield
    stop_traffic(lab.state)


def restart_all(lab: RunningLab, *, drain: bool) -> None:
    """Restart every web host, one after another."""
    for host in (host.name for host in lab.record.layout.hosts if host.role == "web"):
        if drain:
            for node in lab.record.layout.balancers:
                lab.balancer(node, f"set server web/{host} state drain")
                eventually(lambda node=node, host=host: lab.server(node, host)["scur"] == "0", f"{host} is idle")
        lab.run(host, "gitlab-ctl restart")
        eventually(
            lambda host=host: "ok" in lab.kind.run(host, "curl -s http://localhost/-/readiness").output,
            f"{host} is ready",
        )
        if drain:
            for node in lab.record.layout.balancers:
                lab.balancer(node, f"set server web/{host} state ready")
        lab.await_serving()


def test_users_see_nothing_of_a_rolling_restart_with_draining(lab: RunningLab, traffic: None) -> None:
    restart_all(lab, drain=True)
    report = stop_traffic(lab.state)
    assert report["requests"] > 300
    assert report["failed"] == 0, report["first_failures"]


def test_users_see_a_rolling_restart_without_draining(lab: RunningLab, traffic: None) -> None:
    restart_all(lab, drain=False)
    assert stop_traffic(lab.state)["failed"] > 0
