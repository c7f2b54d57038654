"""Migrations on the blessed node, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from takeoff.core.errors import CheckFailed, CommandFailed, JobLost, MigrationFailed
from takeoff.fleet.host_jobs import JobGoesOn, JobPlace
from takeoff.fleet.migrations import (
    failed_attempt,
    follow_migrations,
    install_on_blessed_node,
    migrate,
    migrate_post_deploy,
    pending,
)
from takeoff.fleet.protocols import Completed
from tests.fleet.simulated_fleet import NEW, OLD, SimulatedFleet, environment_of
from tests.fleet.simulated_host import SimulatedHost
from tests.fleet.virtual_time import run_virtually

PENDING = ["20250201000000 Finalize", "20250301000000 Drop legacy column"]


@pytest.fixture
def simulated() -> SimulatedFleet:
    fleet = SimulatedFleet(environment_of({"main": {"web": 2}}))
    fleet.hosts["deploy-01"].pending = list(PENDING)
    return fleet


@pytest.fixture
def node(simulated: SimulatedFleet) -> SimulatedHost:
    return simulated.hosts["deploy-01"]


def test_rule_3_the_blessed_node_alone_is_installed_first_and_migrates_once(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    assert run_virtually(migrate(simulated.fleet, simulated.lease())) == tuple(PENDING)
    assert node.started == ["install", "migrations"]
    assert node.version == NEW
    assert all(not host.started for host in simulated.hosts.values() if host is not node)


def test_rule_3_a_second_call_attaches_to_the_migration_that_runs(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    async def twice() -> None:
        first = asyncio.create_task(migrate(simulated.fleet, simulated.lease()))
        await asyncio.sleep(30)
        first.cancel()
        await migrate(simulated.fleet, simulated.lease(epoch=2))
        await migrate(simulated.fleet, simulated.lease(epoch=3))

    run_virtually(twice())
    assert node.started == ["install", "migrations"]


def test_rule_3_a_failed_migration_is_begun_again_only_when_the_next_attempt_is_asked_for(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    node.failing["migrations"] = 1

    async def tries() -> None:
        for _ in range(2):
            with pytest.raises(MigrationFailed, match="migrations failed on purpose"):
                await migrate(simulated.fleet, simulated.lease(), attempt=1)
        assert node.started == ["install", "migrations"]
        await migrate(simulated.fleet, simulated.lease(), attempt=2)

    run_virtually(tries())
    assert node.started == ["install", "migrations", "migrations"]


async def leave(simulated: SimulatedFleet, stay_s: float) -> JobGoesOn:
    with pytest.raises(JobGoesOn) as goes_on:
        await migrate(simulated.fleet, simulated.lease(), stay_s=stay_s)
    return goes_on.value


def test_migrations_are_left_to_themselves_watched_and_judged_by_the_next_call(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    node.seconds["migrations"] = 3 * 3600.0

    async def in_three_parts() -> tuple[str, ...]:
        left = await leave(simulated, 30)
        assert left.place == JobPlace("lab-1", "deploy-01", "migrations", 1, 0)
        await follow_migrations(simulated.fleet, left.place, until_s=left.left_s)
        assert asyncio.get_running_loop().time() == pytest.approx(3 * 3600 + 20, abs=30)
        return await migrate(simulated.fleet, simulated.lease(epoch=2), stay_s=30)

    assert run_virtually(in_three_parts()) == tuple(PENDING)
    assert node.started == ["install", "migrations"]
    assert "deploy-01: migrations done" in simulated.told.lines
    assert "deploy-01: migrations still runs, 2 h 30 min by now" in simulated.told.lines


def test_whoever_comes_after_the_time_of_migrations_is_over_stops_them(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    limit = simulated.environment.migrations.timeout.total_seconds()
    node.seconds["migrations"] = limit + 3600

    async def late() -> None:
        left = await leave(simulated, 30)
        assert left.left_s == pytest.approx(limit - 30, abs=60)
        await follow_migrations(simulated.fleet, left.place, until_s=left.left_s)
        with pytest.raises(MigrationFailed, match="was stopped with all its processes"):
            await migrate(simulated.fleet, simulated.lease(epoch=2), stay_s=30)

    run_virtually(late())
    assert node.started == ["install", "migrations"]


def test_migrations_that_fail_while_nobody_stays_are_raised_by_the_next_call(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    node.failing["migrations"] = 1

    async def comes_back() -> None:
        left = await leave(simulated, 30)
        await follow_migrations(simulated.fleet, left.place, until_s=left.left_s)
        with pytest.raises(MigrationFailed, match="migrations failed on purpose"):
            await migrate(simulated.fleet, simulated.lease(epoch=2), attempt=1, stay_s=30)

    run_virtually(comes_back())
    assert node.started == ["install", "migrations"]


def test_a_failed_install_is_no_failed_migration(simulated: SimulatedFleet, node: SimulatedHost) -> None:
    node.failing["install"] = 1
    with pytest.raises(CommandFailed, match="apt-get install") as failed:
        run_virtually(migrate(simulated.fleet, simulated.lease()))
    assert not isinstance(failed.value, MigrationFailed)
    assert node.started == ["install"]


def test_a_migration_that_was_lost_is_not_begun_again_by_itself(simulated: SimulatedFleet, node: SimulatedHost) -> None:
    async def reboots() -> None:
        migration = asyncio.create_task(migrate(simulated.fleet, simulated.lease(), attempt=1))
        await asyncio.sleep(30)
        node.reboot()
        await migration

    with pytest.raises(JobLost):
        run_virtually(reboots())
    assert node.started == ["install", "migrations"]


def test_post_deploy_migrations_run_once_and_leave_nothing_pending(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    async def twice() -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (
            await migrate_post_deploy(simulated.fleet, simulated.lease()),
            await migrate_post_deploy(simulated.fleet, simulated.lease(epoch=2)),
        )

    assert run_virtually(twice()) == (tuple(PENDING), ())
    assert node.started == ["post-deploy-migrations"]


def test_post_deploy_migrations_that_leave_some_pending_are_not_called_done(
    simulated: SimulatedFleet, node: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = node.migration_status()
    monkeypatch.setattr(node, "migration_status", lambda: status)
    with pytest.raises(CheckFailed, match="2 migrations are pending still"):
        run_virtually(migrate_post_deploy(simulated.fleet, simulated.lease()))


def test_rule_6_a_status_that_cannot_be_read_is_not_taken_for_nothing_pending(
    simulated: SimulatedFleet, node: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "migration_status", lambda: Completed(node.name, 0, b"no database\n", b""))
    with pytest.raises(CheckFailed, match="nothing is known of what is pending"):
        run_virtually(pending(simulated.fleet))


def test_a_status_command_that_fails_is_told(
    simulated: SimulatedFleet, node: SimulatedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(node, "migration_status", lambda: Completed(node.name, 1, b"", b"connection refused"))
    with pytest.raises(CommandFailed, match="connection refused"):
        run_virtually(pending(simulated.fleet))


def test_rule_3_a_rollback_installs_on_the_blessed_node_and_migrates_nothing(
    simulated: SimulatedFleet, node: SimulatedHost
) -> None:
    node.version = NEW
    run_virtually(install_on_blessed_node(simulated.fleet, simulated.lease(OLD), rollback=True))
    assert node.started == ["install"]
    assert node.version == OLD


@pytest.mark.parametrize(
    ("step", "attempt"),
    [pytest.param("migrations", 1, id="the migrations"), pytest.param("install", 0, id="the install before them")],
)
def test_rule_3_a_failure_of_the_migrations_names_its_attempt_and_no_other_does(
    simulated: SimulatedFleet, node: SimulatedHost, step: str, attempt: int
) -> None:
    node.failing[step] = 1
    with pytest.raises(CommandFailed) as failed:
        run_virtually(migrate(simulated.fleet, simulated.lease(), attempt=1))
    assert failed_attempt(failed.value) == attempt


def test_rule_3_lost_migrations_name_their_attempt_too(simulated: SimulatedFleet, node: SimulatedHost) -> None:
    async def reboots() -> None:
        migration = asyncio.create_task(migrate(simulated.fleet, simulated.lease(), attempt=1))
        await asyncio.sleep(30)
        node.reboot()
        await migration

    with pytest.raises(JobLost) as lost:
        run_virtually(reboots())
    assert failed_attempt(lost.value) == 1
