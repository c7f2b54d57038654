"""Taking hosts out of a real HAProxy and putting them back, over its node's script and over TCP."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from takeoff.core.balancer_settings import ServerName
from takeoff.core.environment import Environment
from takeoff.core.errors import CheckFailed, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_script import HostScript
from takeoff.fleet.host_service import HostService, StillOpen
from takeoff.fleet.load_balancer import BalancerSilent, LoadBalancers
from tests.fleet.conftest import announce
from tests.fleet.haproxy_node import HaproxyNode, free_port
from tests.fleet.shell_hosts import ShellHosts
from tests.fleet.simulated_fleet import Told, environment_of

MakeLease = Callable[..., Lease]
WEB_01 = ServerName("web", "web-01")
ON_NODE = {"host": "lb-01", "socket": "/run/haproxy/admin.sock"}


class Impatient(SystemClock):
    """Time that runs thirty times as fast for those who only wait for a balancer that stays silent."""

    def monotonic(self) -> float:
        return super().monotonic() * 30

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 30)


@pytest.fixture
async def haproxy(tmp_path: Path) -> AsyncIterator[HaproxyNode]:
    if shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin") is None:
        pytest.skip("needs HAProxy: apt-get install haproxy")
    node = HaproxyNode(tmp_path / "hosts/lb-01/run/haproxy")
    try:
        await node.start()
        yield node
    finally:
        await node.stop()


@pytest.fixture
async def transport(tmp_path: Path, environment: Environment, make_lease: MakeLease) -> ShellHosts:
    hosts = ShellHosts(tmp_path / "hosts")
    await announce(HostScript(hosts, environment), make_lease(), "lb-01", "lb-02")
    return hosts


def environment_with(haproxy: HaproxyNode, kind: str = "node", backends: tuple[str, ...] = ("web",)) -> Environment:
    where: dict[str, Any] = ON_NODE if kind == "node" else {"tcp": f"127.0.0.1:{haproxy.tcp}"}
    return environment_of(
        {"main": {"web": 2}},
        stages=[{"name": "main", "roles": {"web": ["web-01", "web-02"]}}],
        load_balancers=[{"name": "lb-01", "backends": {name: {"roles": ["web"]} for name in backends}, **where}],
    )


def balancers_of(environment: Environment, transport: ShellHosts, clock: Any = None) -> LoadBalancers:
    return LoadBalancers(environment, HostScript(transport, environment), clock or SystemClock())


async def becomes(balancers: LoadBalancers, host: str, state: str) -> None:
    async with asyncio.timeout(10):
        while (await balancers.look([host]))[host].state != state:
            await asyncio.sleep(0.05)


@pytest.fixture(params=["node", "tcp"])
async def balancers(request: pytest.FixtureRequest, haproxy: HaproxyNode, transport: ShellHosts) -> LoadBalancers:
    balancers = balancers_of(environment_with(haproxy, request.param), transport)
    await becomes(balancers, "web-01", "UP")
    return balancers


def service_of(balancers: LoadBalancers, lease: Lease, **options: bool) -> HostService:
    return HostService("web-01", balancers, lease, SystemClock(), Told(), **options)


async def test_a_host_is_drained_and_put_back(balancers: LoadBalancers, make_lease: MakeLease) -> None:
    service = service_of(balancers, make_lease())
    await service.drain(10)
    standing = (await balancers.look(["web-01", "web-02"]))["web-01"]
    assert (standing.state, standing.serving) == ("DRAIN", False)
    await service.verify_drained()
    await service.serve_again(10)
    assert (await balancers.look(["web-01"]))["web-01"].serving
    assert service.notes == []


async def test_rule_2_drained_means_that_no_session_is_open(
    balancers: LoadBalancers, haproxy: HaproxyNode, make_lease: MakeLease
) -> None:
    other = HostService("web-02", balancers, make_lease(), SystemClock(), Told())
    await other.drain(10)
    request = await haproxy.slow_request()
    drain = asyncio.create_task(service_of(balancers, make_lease()).drain(10))
    await becomes(balancers, "web-01", "DRAIN")
    await asyncio.sleep(1)
    assert not drain.done()
    haproxy.servers[0].release.set()
    await drain
    assert b"200" in await request


async def test_a_drain_that_takes_too_long_tells_how_many_sessions_are_open_and_lets_the_host_serve(
    balancers: LoadBalancers, haproxy: HaproxyNode, make_lease: MakeLease
) -> None:
    await HostService("web-02", balancers, make_lease(), SystemClock(), Told()).drain(10)
    request = await haproxy.slow_request()
    with pytest.raises(StillOpen, match="1 sessions were still open"):
        await service_of(balancers, make_lease()).drain(1)
    assert (await balancers.look(["web-01"]))["web-01"].serving
    haproxy.servers[0].release.set()
    await request


async def test_rule_2_a_host_whose_check_fails_is_not_put_back(
    balancers: LoadBalancers, haproxy: HaproxyNode, make_lease: MakeLease
) -> None:
    service = service_of(balancers, make_lease())
    await service.drain(10)
    haproxy.servers[0].sick = True
    await becomes(balancers, "web-01", "DOWN")
    with pytest.raises(CheckFailed, match=r"lb-01 says of web/web-01 'DOWN .*L7STS"):
        await service.serve_again(1)
    haproxy.servers[0].sick = False
    await becomes(balancers, "web-01", "DRAIN")


async def test_a_reload_that_resets_the_drain_is_noticed_and_the_host_drained_again(
    balancers: LoadBalancers, haproxy: HaproxyNode, make_lease: MakeLease
) -> None:
    service = service_of(balancers, make_lease())
    await service.drain(10)
    async with service.kept_out():
        await haproxy.reload()
        await becomes(balancers, "web-01", "DRAIN")
    assert service.notes == ["lb-01 had web/web-01 ready again, as after a reload; it was drained again"]


async def test_an_operator_s_maint_is_left_alone(balancers: LoadBalancers, make_lease: MakeLease) -> None:
    await balancers.set_state(make_lease(), "lb-01", WEB_01, "maint")
    service = service_of(balancers, make_lease())
    await service.drain(10)
    await service.serve_again(10)
    assert (await balancers.look(["web-01"]))["web-01"].state == "MAINT"
    assert service.notes == ["web/web-01 is MAINT at lb-01, not by this rollout, and was left so"]


async def test_our_own_maint_is_lifted(balancers: LoadBalancers, make_lease: MakeLease) -> None:
    await balancers.put_to_maint(make_lease(), "web-01")
    assert (await balancers.look(["web-01"]))["web-01"].state == "MAINT"
    await service_of(balancers, make_lease(), maint_is_ours=True).serve_again(10)
    assert (await balancers.look(["web-01"]))["web-01"].serving


async def test_a_server_without_a_check_is_put_back_on_the_host_s_own_word(
    haproxy: HaproxyNode, transport: ShellHosts, make_lease: MakeLease
) -> None:
    environment = environment_of(
        {"main": {"web": 1}},
        stages=[{"name": "main", "roles": {"web": ["web-01"]}}],
        load_balancers=[{"name": "lb-01", "backends": {"unchecked": {"roles": ["web"]}}, **ON_NODE}],
    )
    balancers = balancers_of(environment, transport)
    service = service_of(balancers, make_lease())
    assert (await balancers.look(["web-01"]))["web-01"].serving
    await service.drain(10)
    await service.serve_again(10)
    assert (await balancers.look(["web-01"]))["web-01"].serving


async def test_a_host_in_two_backends_is_out_of_both(
    haproxy: HaproxyNode, transport: ShellHosts, make_lease: MakeLease
) -> None:
    environment = environment_of(
        {"main": {"web": 1}},
        stages=[{"name": "main", "roles": {"web": ["web-01"]}}],
        load_balancers=[
            {"name": "lb-01", "backends": {"web": {"roles": ["web"]}, "unchecked": {"roles": ["web"]}}, **ON_NODE}
        ],
    )
    balancers = balancers_of(environment, transport)
    await service_of(balancers, make_lease()).drain(10)
    standing = (await balancers.look(["web-01"]))["web-01"]
    assert [status.word for _, status in standing.servers] == ["DRAIN", "DRAIN"]


async def test_a_server_that_haproxy_does_not_have_is_named_with_the_balancer(
    haproxy: HaproxyNode, transport: ShellHosts, make_lease: MakeLease
) -> None:
    environment = environment_of(
        {"main": {"web": 1}},
        stages=[{"name": "main", "roles": {"web": ["web-09"]}}],
        load_balancers=[{"name": "lb-01", "backends": {"web": {"roles": ["web"]}}, **ON_NODE}],
    )
    balancers = balancers_of(environment, transport)
    with pytest.raises(CheckFailed, match="load balancer lb-01 has no server web/web-09"):
        await balancers.look(["web-09"])
    assert await balancers.problems() == {"lb-01": "it has no server web/web-09"}
    with pytest.raises(CheckFailed, match="said 'No such server"):
        await balancers.set_state(make_lease(), "lb-01", ServerName("web", "web-09"), "drain")


async def test_rule_1_a_superseded_driver_cannot_change_a_server(
    haproxy: HaproxyNode, transport: ShellHosts, make_lease: MakeLease
) -> None:
    balancers = balancers_of(environment_with(haproxy), transport)
    await becomes(balancers, "web-01", "UP")
    await balancers.set_state(make_lease(epoch=2), "lb-01", ServerName("web", "web-02"), "drain")
    with pytest.raises(Superseded):
        await service_of(balancers, make_lease(epoch=1)).drain(10)
    assert (await balancers.look(["web-01"]))["web-01"].serving


@pytest.mark.parametrize("kind", ["node", "tcp"])
async def test_rule_6_a_balancer_that_does_not_answer_is_silent_and_not_taken_for_good(
    haproxy: HaproxyNode, transport: ShellHosts, kind: str
) -> None:
    balancers = balancers_of(environment_with(haproxy, kind), transport, Impatient())
    await haproxy.stop()
    with pytest.raises(BalancerSilent, match="lb-01: the load balancer gives no answer"):
        await balancers.look(["web-01"])


async def test_rule_6_something_else_that_answers_on_the_port_is_not_taken_for_a_balancer(
    transport: ShellHosts,
) -> None:
    port = free_port()

    async def rubbish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"<html>hello</html>\n")
        await writer.drain()
        writer.close()

    environment = environment_of(
        {"main": {"web": 1}},
        load_balancers=[{"name": "lb-01", "tcp": f"127.0.0.1:{port}", "backends": {"web": {"roles": ["web"]}}}],
    )
    async with await asyncio.start_server(rubbish, "127.0.0.1", port):
        with pytest.raises(BalancerSilent, match="what answers there is not HAProxy"):
            await balancers_of(environment, transport).look(["main-web-1"])


async def test_many_hosts_that_ask_at_the_same_moment_cost_one_question(
    haproxy: HaproxyNode, transport: ShellHosts
) -> None:
    balancers = balancers_of(environment_with(haproxy), transport)
    transport.calls.clear()
    await asyncio.gather(*(balancers.look(["web-01", "web-02"], max_age_s=1.0) for _ in range(50)))
    assert len(transport.calls) == 1
