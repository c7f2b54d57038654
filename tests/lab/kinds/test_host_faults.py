"""Faults of a host: each has the effect that its name says, and is gone when it is mended."""

import asyncio
from collections.abc import Callable

import asyncssh
import pytest
import requests

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., None]


def web(lab: RunningLab, path: str, host: str = "web-01") -> int:
    return requests.get(f"{lab.record.hosts[host].http.url}{path}", timeout=10).status_code


def test_power_ends_every_process_and_keeps_the_disk(lab: RunningLab, broken: Break) -> None:
    lab.run("sidekiq-01", 'echo kept >"${TAKEOFF_HOST_ROOT:-}/root/note"; : >"${TAKEOFF_HOST_ROOT:-}/run/gone"')
    lab.run("sidekiq-01", "setsid sleep 618 >/dev/null 2>&1 </dev/null &")
    broken("power", "sidekiq-01")
    with pytest.raises((OSError, TimeoutError)):
        lab.ssh("sidekiq-01", "true", patience=1)
    shown = lab.status()["hosts"]
    assert (shown["sidekiq-01"]["running"], shown["git-01"]["running"]) == (None, lab.version("git-01"))
    lab.mend("power", "sidekiq-01")
    assert lab.run("sidekiq-01", 'cat "${TAKEOFF_HOST_ROOT:-}/root/note"') == "kept\n"
    assert lab.kind.run("sidekiq-01", 'ls "${TAKEOFF_HOST_ROOT:-}/run/gone"').status != 0
    assert lab.kind.run("sidekiq-01", "ps ax -o args | grep '[s]leep 618'").output == ""
    assert lab.said("sidekiq-01", "echo back") == "back"


def test_after_power_comes_back_the_application_serves_again(lab: RunningLab, broken: Break) -> None:
    broken("power", "web-01")
    eventually(lambda: lab.server("lb-01", "web-01")["status"].startswith("DOWN"), "HAProxy sees the host down")
    lab.mend("power", "web-01")
    lab.await_serving()


def test_unreachable_refuses_connections_and_cuts_those_there_are(lab: RunningLab, broken: Break) -> None:
    async def cut() -> int:
        async with lab.connect("web-01") as connection:
            running = await connection.create_process("echo $$; exec sleep 30")
            process = int(await running.stdout.readline())
            await asyncio.to_thread(broken, "unreachable", "web-01")
            await asyncio.wait_for(running.wait_closed(), 10)
            return process

    left = asyncio.run(cut())
    with pytest.raises(ConnectionRefusedError):
        lab.ssh("web-01", "true")
    assert web(lab, "/-/readiness") == 200, "its application serves on"
    lab.mend("unreachable", "web-01")
    assert lab.said("web-01", f"kill {left} 2>/dev/null; echo back") == "back"


def test_hang_takes_connections_and_never_answers(lab: RunningLab, broken: Break) -> None:
    async def silent() -> None:
        async with lab.connect("web-01") as old:
            assert (await old.run("echo on")).stdout == "on\n"
            await asyncio.to_thread(broken, "hang", "web-01")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(old.run("true"), 1)
            ssh = lab.record.hosts["web-01"].ssh
            reader, writer = await asyncio.open_connection(ssh.address, ssh.port)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 1)
            writer.close()
            await asyncio.to_thread(lab.mend, "hang", "web-01")
            assert (await asyncio.wait_for(old.run("echo on"), 10)).stdout == "on\n", "it wakes up again"

    asyncio.run(silent())
    assert lab.said("web-01", "echo back") == "back"


def test_host_key_is_another_one_until_it_is_mended(lab: RunningLab, broken: Break) -> None:
    broken("host-key", "web-01")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        lab.ssh("web-01", "true")
    lab.mend("host-key", "web-01")
    assert lab.said("web-01", "echo back") == "back"


def test_readiness_takes_the_host_out_of_every_balancer(lab: RunningLab, broken: Break) -> None:
    broken("readiness", "web-01")
    assert (web(lab, "/-/readiness"), web(lab, "/api/v4/notes")) == (503, 200)
    for node in lab.record.layout.balancers:
        eventually(lambda node=node: lab.server(node, "web-01")["status"] == "DOWN", f"web-01 down on {node}")
    assert lab.server("lb-01", "web-01")["check_code"] == "503"


def test_requests_fails_users_while_readiness_stays_good(lab: RunningLab, broken: Break) -> None:
    broken("requests", "web-01")
    assert (web(lab, "/api/v4/notes"), web(lab, "/-/readiness")) == (500, 200)


def test_reconfigure_fails_and_says_why(lab: RunningLab, broken: Break) -> None:
    broken("reconfigure", "web-01")
    assert "There was an error running gitlab-ctl reconfigure" in lab.refused("web-01", "gitlab-ctl reconfigure")
    lab.mend("reconfigure", "web-01")
    lab.run("web-01", "gitlab-ctl reconfigure")


def test_reconfigure_slow_takes_longer_than_anyone_waits_here(lab: RunningLab, broken: Break) -> None:
    broken("reconfigure-slow", "web-01")
    assert lab.kind.run("web-01", "timeout 2 gitlab-ctl reconfigure").status == 124


def test_a_migration_that_fails_is_not_applied(lab: RunningLab, broken: Break, pending_migration: None) -> None:
    broken("migration", "deploy-01")
    assert "this and all later migrations canceled" in lab.refused("deploy-01", "gitlab-rake db:migrate")
    status = "gitlab-rake db:migrate:status"
    assert lab.run("deploy-01", status).count(" down ") == 1
    lab.mend("migration", "deploy-01")
    lab.run("deploy-01", "gitlab-rake db:migrate")
    assert " down " not in lab.run("deploy-01", status)


def test_an_endless_migration_runs_until_it_is_mended(lab: RunningLab, broken: Break, pending_migration: None) -> None:
    broken("migration-endless", "deploy-01")
    ended = '"${TAKEOFF_HOST_ROOT:-}/tmp/first"'
    lab.run("deploy-01", f"rm -f {ended}; (gitlab-rake db:migrate; echo $? >{ended}) >/dev/null 2>&1 </dev/null &")
    held = "gitlab-psql -c \"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'\""
    eventually(lambda: lab.run("deploy-01", held).strip() == "1", "the migration has the lock")
    assert "ActiveRecord::ConcurrentMigrationError" in lab.refused("deploy-01", "gitlab-rake db:migrate")
    assert lab.kind.run("deploy-01", f"cat {ended}").status != 0
    lab.mend("migration-endless", "deploy-01")
    eventually(lambda: lab.kind.run("deploy-01", f"cat {ended}").output.strip() == "0", "the migration ends well")
    assert " down " not in lab.run("deploy-01", "gitlab-rake db:migrate:status")


def test_background_migration_shows_the_newest_as_failed(lab: RunningLab, broken: Break, next_release: str) -> None:
    lab.install("deploy-01", next_release, "SKIP_POST_DEPLOYMENT_MIGRATIONS=true gitlab-rake db:migrate")
    command = "gitlab-rake gitlab:background_migrations:status"
    assert "failed" not in lab.run("deploy-01", command)
    broken("background-migration", "deploy-01")
    assert lab.run("deploy-01", command).splitlines()[-1].startswith("failed ")
