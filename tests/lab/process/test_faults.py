"""Each fault has the effect that its name says, and is gone when it is mended."""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh
import gitlab
import pytest
import requests

from tests.lab.running_lab import Lab, eventually

pytestmark = pytest.mark.lab

REINSTALL = "apt-get install -y --reinstall gitlab-ee=17.0.0-ee.0"


def web(lab: Lab, path: str, host: str = "web-01") -> int:
    return requests.get(f"{lab.record.hosts[host].http.url}{path}", timeout=10).status_code


def alerts(lab: Lab, matcher: str) -> list[Any]:
    assert lab.record.alertmanager
    url = f"{lab.record.alertmanager.url}/api/v2/alerts"
    return list(requests.get(url, params={"filter": matcher, "silenced": "false"}, timeout=10).json())


def pipeline(lab: Lab) -> Any:
    record = lab.record
    assert record.gitlab
    project = gitlab.Gitlab(record.gitlab.url, private_token=record.gitlab_token).projects.get(record.gitlab_project)
    return project.pipelines.create({"ref": "main"})


def finished(run: Any) -> str:
    def look() -> str:
        run.refresh()
        return str(run.status) if run.status in ("success", "failed", "canceled") else ""

    return str(eventually(look, "the pipeline ends"))


def connects(lab: Lab, host: str) -> bool:
    try:
        return lab.ssh(host, "true").exit_status == 0
    except OSError:
        return False


def test_unreachable_refuses_connections_and_cuts_those_there_are(lab: Lab, broken: Callable[..., None]) -> None:
    async def cut() -> None:
        async with lab.connect("web-01") as connection:
            running = await connection.create_process("sleep 30")
            await asyncio.to_thread(broken, "unreachable", "web-01")
            await asyncio.wait_for(running.wait_closed(), 10)

    asyncio.run(cut())
    with pytest.raises(ConnectionRefusedError):
        lab.ssh("web-01", "true")
    assert web(lab, "/-/readiness") == 200, "its application serves on"
    lab.mend("unreachable", "web-01")
    assert connects(lab, "web-01")


def test_hang_takes_connections_and_never_answers(lab: Lab, broken: Callable[..., None]) -> None:
    async def silent() -> None:
        async with lab.connect("web-01") as old:
            assert (await old.run("echo on")).stdout == "on\n"
            await asyncio.to_thread(broken, "hang", "web-01")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(old.run("true"), 1)
            with pytest.raises((TimeoutError, asyncssh.Error)):
                await lab.connect("web-01", connect_timeout=1, login_timeout=1)
            await asyncio.to_thread(lab.mend, "hang", "web-01")
            assert (await asyncio.wait_for(old.run("echo on"), 10)).stdout == "on\n", "it wakes up again"

    asyncio.run(silent())
    assert connects(lab, "web-01")


def test_host_key_is_another_one_until_it_is_mended(lab: Lab, broken: Callable[..., None]) -> None:
    broken("host-key", "web-01")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        lab.ssh("web-01", "true")
    lab.mend("host-key", "web-01")
    assert connects(lab, "web-01")


def test_readiness_takes_the_host_out_of_the_balancer(lab: Lab, broken: Callable[..., None]) -> None:
    broken("readiness", "web-01")
    assert web(lab, "/-/readiness") == 503
    assert web(lab, "/api/v4/notes") == 200
    eventually(lambda: lab.server("web-01")["status"] == "DOWN", "the balancer notices")
    lab.mend("readiness", "web-01")
    eventually(lambda: lab.server("web-01")["status"] == "UP", "the balancer takes it back")


def test_requests_fails_users_while_readiness_stays_good(lab: Lab, broken: Callable[..., None]) -> None:
    broken("requests", "web-01")
    assert (web(lab, "/api/v4/notes"), web(lab, "/-/readiness")) == (500, 200)


@pytest.mark.parametrize(
    ("fault", "host", "command", "message"),
    [
        pytest.param("reconfigure", "web-01", "gitlab-ctl reconfigure", "error running gitlab-ctl", id="reconfigure"),
        pytest.param("preinst", "web-01", REINSTALL, "pre-installation script", id="preinst"),
    ],
)
def test_a_command_fails_as_long_as_it_is_broken(
    lab: Lab, broken: Callable[..., None], fault: str, host: str, command: str, message: str
) -> None:
    lab.ssh(host, 'touch "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"', check=True)
    broken(fault, host)
    result = lab.ssh(host, command)
    assert result.exit_status != 0
    assert message in str(result.stderr)
    lab.mend(fault, host)
    lab.ssh(host, command, check=True)


def test_migration_fails_the_next_one_and_leaves_those_before(lab: Lab, broken: Callable[..., None]) -> None:
    lab.publish("17.1.0-ee.0")
    skip = 'touch "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"'
    undo = "DELETE FROM schema_migrations WHERE version = '20240605093000'"
    try:
        lab.ssh("deploy-01", f"{skip}; apt-get update; apt-get install -y gitlab-ee=17.1.0-ee.0", check=True)
        lab.ssh("deploy-01", f'gitlab-psql -c "{undo}"', check=True)
        broken("migration", "deploy-01")
        result = lab.ssh("deploy-01", "SKIP_POST_DEPLOYMENT_MIGRATIONS=1 gitlab-rake db:migrate")
        assert result.exit_status == 1
        assert "this and all later migrations canceled" in str(result.stderr)
        assert " down    20240605093000" in str(lab.ssh("deploy-01", "gitlab-rake db:migrate:status").stdout)
        lab.mend("migration", "deploy-01")
        lab.ssh("deploy-01", "SKIP_POST_DEPLOYMENT_MIGRATIONS=1 gitlab-rake db:migrate", check=True)
    finally:
        lab.kind.repository.withdraw("17.1.0-ee.0")


def test_background_migration_shows_the_newest_as_failed(lab: Lab, broken: Callable[..., None]) -> None:
    command = "gitlab-rake gitlab:background_migrations:status"
    assert "failed" not in str(lab.ssh("deploy-01", command, check=True).stdout)
    broken("background-migration", "deploy-01")
    assert str(lab.ssh("deploy-01", command, check=True).stdout).splitlines()[-1].startswith("failed ")


def test_alert_fires_and_resolves(lab: Lab, broken: Callable[..., None]) -> None:
    assert alerts(lab, 'severity="critical"') == []
    broken("alert")
    assert len(alerts(lab, 'severity="critical"')) == 1
    lab.mend("alert")
    assert alerts(lab, 'severity="critical"') == []


def test_heartbeat_is_gone_until_it_is_mended(lab: Lab, broken: Callable[..., None]) -> None:
    assert len(alerts(lab, 'alertname="Watchdog"')) == 1
    broken("heartbeat")
    assert alerts(lab, 'alertname="Watchdog"') == []
    lab.mend("heartbeat")
    assert len(alerts(lab, 'alertname="Watchdog"')) == 1


def test_qa_failing_fails_every_pipeline(lab: Lab, broken: Callable[..., None]) -> None:
    broken("qa-failing")
    run = pipeline(lab)
    assert finished(run) == "failed"
    assert run.test_report.get().failed_count == 1
    run.retry()
    assert finished(run) == "failed"


def test_qa_flaky_succeeds_at_the_second_try(lab: Lab, broken: Callable[..., None]) -> None:
    broken("qa-flaky")
    run = pipeline(lab)
    assert finished(run) == "failed"
    run.retry()
    assert finished(run) == "success"
    assert len(run.jobs.list(include_retried=True)) == 2


def test_qa_stuck_never_ends_and_can_be_canceled(lab: Lab, broken: Callable[..., None]) -> None:
    broken("qa-stuck")
    run = pipeline(lab)
    eventually(lambda: run.refresh() or run.status == "running", "it runs")
    run.cancel()
    assert finished(run) == "canceled"


def test_qa_empty_succeeds_without_a_test(lab: Lab, broken: Callable[..., None]) -> None:
    broken("qa-empty")
    run = pipeline(lab)
    assert finished(run) == "success"
    assert run.test_report_summary.get().total["count"] == 0


@pytest.mark.parametrize(("fault", "name"), [("alertmanager-down", "alertmanager"), ("gitlab-down", "gitlab")])
def test_a_service_that_is_down_refuses_connections(
    lab: Lab, broken: Callable[..., None], fault: str, name: str
) -> None:
    broken(fault)
    with pytest.raises(requests.ConnectionError):
        requests.get(getattr(lab.record, name).url, timeout=5)
    lab.mend(fault)
    requests.get(getattr(lab.record, name).url, timeout=5)
