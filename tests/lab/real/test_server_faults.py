"""Faults of balancers and alerting: each has the effect that its name says."""

import asyncio
from collections.abc import Callable

import pytest
import requests

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., None]


def test_an_operators_maint_holds_on_every_balancer(lab: RunningLab, broken: Break) -> None:
    broken("maint", "web-01")
    assert {lab.server(node, "web-01")["status"] for node in lab.record.layout.balancers} == {"MAINT"}
    lab.mend("maint", "web-01")
    lab.await_serving()


def test_a_reload_forgets_what_was_drained(lab: RunningLab, broken: Break) -> None:
    lab.balancer("lb-01", "set server web/web-01 state drain")
    assert lab.server("lb-01", "web-01")["status"] == "DRAIN"
    broken("haproxy-reload", "lb-01")
    eventually(lambda: lab.server("lb-01", "web-01")["status"] == "UP", "the server takes requests again")


def test_users_are_served_through_a_reload(lab: RunningLab, broken: Break) -> None:
    url = lab.record.hosts["lb-01"].http.url
    broken("haproxy-reload", "lb-01")
    for _ in range(20):
        assert requests.get(f"{url}/api/v4/version", timeout=5).status_code == 200


def test_without_its_socket_haproxy_serves_and_cannot_be_asked(lab: RunningLab, broken: Break) -> None:
    broken("haproxy-socket", "lb-01")
    assert "No such file" in lab.balancer("lb-01", "show info")
    assert requests.get(f"{lab.record.hosts['lb-01'].http.url}/-/readiness", timeout=5).status_code == 200
    lab.mend("haproxy-socket", "lb-01")
    assert "HAProxy" in lab.balancer("lb-01", "show info")


def test_a_silent_balancer_takes_connections_and_never_answers(lab: RunningLab, broken: Break) -> None:
    broken("silent", "lb-02")

    async def ask(port: int) -> bytes:
        reader, writer = await asyncio.open_connection(lab.record.hosts["lb-02"].http.address, port)
        writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
        try:
            return await asyncio.wait_for(reader.read(1), 1.5)
        finally:
            writer.close()

    for port in (22, 80):
        with pytest.raises(TimeoutError):
            asyncio.run(ask(port))
    lab.mend("silent", "lb-02")
    assert asyncio.run(ask(80)) == b"H"


def test_a_silenced_alert_fires_unheard(lab: RunningLab, broken: Break) -> None:
    broken("alert-silenced")
    eventually(lambda: "GitlabErrorRateTooHigh" in lab.alerts(active="false", silenced="true"), "the alert is silenced")
    assert "GitlabErrorRateTooHigh" not in lab.alerts()
    lab.mend("alert-silenced")
    eventually(
        lambda: "GitlabErrorRateTooHigh" not in lab.alerts(active="false", silenced="true"),
        "both are gone",
    )


def test_a_server_that_fails_raises_an_alert_by_itself(lab: RunningLab, broken: Break) -> None:
    broken("readiness", "web-01")
    eventually(lambda: "ServerDown" in lab.alerts(filter='env="lab"'), "Prometheus tells of the server", seconds=40)
    lab.mend("readiness", "web-01")
    eventually(lambda: "ServerDown" not in lab.alerts(), "the alert is resolved", seconds=40)
