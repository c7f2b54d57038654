"""Host jobs, by real shells: what starts, attaches, ends, is lost or refused, and that nothing runs twice."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from takeoff.core.errors import AuthorityDoubtful, CommandFailed, HostUnreachable, JobLost, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet import host_jobs
from takeoff.fleet.clock import SystemClock
from takeoff.fleet.host_jobs import HostJobs, JobResult
from takeoff.fleet.host_script import HostScript
from tests.fleet.conftest import announce
from tests.fleet.job_processes import job_groups
from tests.fleet.shell_hosts import ShellHosts

MakeLease = Callable[..., Lease]


@pytest.fixture
async def jobs(script: HostScript, make_lease: MakeLease) -> HostJobs:
    await announce(script, make_lease(), "web-01")
    return HostJobs(script, SystemClock())


async def run(
    jobs: HostJobs, lease: Lease, text: str, step: str = "step", timeout_s: float = 30, **more: object
) -> JobResult:
    return await jobs.run(lease, "web-01", step, text, timeout_s=timeout_s, describe="the command", **more)  # type: ignore[arg-type]


async def holds(condition: Callable[[], object]) -> None:
    """Wait until something outside this process is so."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def appears(path: Path) -> str:
    """Wait for a file with something in it."""
    await holds(lambda: path.exists() and path.read_text())
    return path.read_text()


def attempt(hosts: ShellHosts, number: int = 1, step: str = "step") -> Path:
    return hosts.state("web-01") / "jobs/lab-1/web-01" / step / str(number)


async def test_a_job_gives_its_output_line_by_line_and_its_arguments_as_they_are(
    jobs: HostJobs, make_lease: MakeLease
) -> None:
    lines: list[str] = []
    text = 'printf "%s\\n" "$1" "$2"; echo wrong >&2; printf "no end"'

    result = await run(jobs, make_lease(), text, arguments=("a b", "$(touch x);'"), output=lines.append)

    assert lines == ["a b", "$(touch x);'", "wrong", "no end"]
    assert result == JobResult(0, "a b\n$(touch x);'\nwrong\nno end", attempt=1, attached=False, already_done=False)


async def test_a_success_is_final(jobs: HostJobs, make_lease: MakeLease, tmp_path: Path) -> None:
    text = f"echo ran | tee -a {tmp_path}/count"
    await run(jobs, make_lease(), text)

    again = await run(jobs, make_lease(epoch=2), text)

    assert again.already_done
    assert again.attached
    assert again.output_tail == "ran\n"
    assert (tmp_path / "count").read_text() == "ran\n"


async def test_a_failure_is_told_once_and_then_another_attempt_begins(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"echo ran >>{tmp_path}/count; echo broken; test $(wc -l <{tmp_path}/count) -gt 1 || exit 7"

    with pytest.raises(CommandFailed, match="web-01: the command exited 7: broken — its log is /var/lib") as failed:
        await run(jobs, make_lease(), text)
    second = await run(jobs, make_lease(epoch=2), text)

    assert failed.value.exit_status == 7
    assert (second.attempt, second.attached) == (2, False)


async def test_a_failure_that_nobody_saw_is_told_before_anything_runs_again(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"echo ran >>{tmp_path}/count; until test -e {tmp_path}/go; do sleep 0.05; done; exit 7"
    first = asyncio.create_task(run(jobs, make_lease(), text))
    await appears(tmp_path / "count")
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    (tmp_path / "go").touch()
    await appears(attempt(hosts) / "rc")

    with pytest.raises(CommandFailed):
        await run(jobs, make_lease(epoch=2), text)

    assert (tmp_path / "count").read_text() == "ran\n"


async def test_with_a_numbered_attempt_a_failure_is_told_again_until_the_next_number(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"echo ran >>{tmp_path}/count; exit 7"
    for _ in range(3):
        with pytest.raises(CommandFailed):
            await run(jobs, make_lease(), text, attempt=1)
    assert (tmp_path / "count").read_text() == "ran\n"

    with pytest.raises(CommandFailed):
        await run(jobs, make_lease(), text, attempt=2)

    assert (tmp_path / "count").read_text() == "ran\nran\n"


async def test_twenty_starters_at_once_run_it_once(jobs: HostJobs, make_lease: MakeLease, tmp_path: Path) -> None:
    text = f"echo ran >>{tmp_path}/count; sleep 0.5; echo done"

    results = await asyncio.gather(*(run(jobs, make_lease(), text) for _ in range(20)))

    assert (tmp_path / "count").read_text() == "ran\n"
    assert [result.attached for result in results].count(False) == 1
    assert {result.output_tail for result in results} == {"done\n"}


async def test_a_job_outlives_its_caller_and_is_attached_to(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"echo begun; until test -e {tmp_path}/go; do sleep 0.05; done; echo ended"
    seen: list[str] = []
    first = asyncio.create_task(run(jobs, make_lease(), text, output=seen.append))
    await holds(lambda: seen)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    lines: list[str] = []

    second = asyncio.create_task(run(jobs, make_lease(epoch=2), text, output=lines.append))
    await holds(lambda: lines)
    (tmp_path / "go").touch()
    result = await second

    assert (result.attempt, result.attached) == (1, True)
    assert lines == ["begun", "ended"]


@pytest.mark.parametrize(
    ("operation", "step"), [(2, "step"), (1, "next")], ids=["of another operation", "another step, begun late"]
)
async def test_rule_1_a_job_waits_for_another_one_that_still_runs(
    jobs: HostJobs,
    make_lease: MakeLease,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    operation: int,
    step: str,
) -> None:
    monkeypatch.setattr(host_jobs, "BUSY_PAUSE_S", 0.2)
    go, order = tmp_path / "go", tmp_path / "order"
    first = asyncio.create_task(
        run(
            jobs,
            make_lease(1, 1),
            f"echo 1 begins >>{order}; until [ -e {go} ]; do sleep 0.1; done; echo 1 ends >>{order}",
        )
    )
    while not order.exists():
        await asyncio.sleep(0.02)
    second = asyncio.create_task(run(jobs, make_lease(2, operation), f"echo 2 begins >>{order}", step))
    await asyncio.sleep(1.0)
    go.touch()
    await second
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)

    assert order.read_text().splitlines() == ["1 begins", "1 ends", "2 begins"]


async def test_answers_that_are_lost_on_the_way_start_nothing_twice(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    hosts.lose_answers = 3

    result = await run(jobs, make_lease(), f"echo ran >>{tmp_path}/count; echo out")

    assert (tmp_path / "count").read_text() == "ran\n"
    assert result.output_tail == "out\n"


async def test_a_host_that_stays_silent_is_unreachable(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_jobs, "FIRST_CONTACT_S", 1.5)
    hosts.down.add("web-01")

    with pytest.raises(HostUnreachable):
        await run(jobs, make_lease(), "true")

    assert hosts.calls.count(("web-01", "job-ensure")) == 2


async def test_a_long_log_is_complete_to_the_last_byte(jobs: HostJobs, make_lease: MakeLease) -> None:
    lines: list[str] = []

    await run(
        jobs, make_lease(), 'i=0; while [ $i -lt 60000 ]; do echo "line $i"; i=$((i+1)); done', output=lines.append
    )

    assert lines == [f"line {number}" for number in range(60000)]


async def test_output_that_is_no_text_is_shown_as_such(jobs: HostJobs, make_lease: MakeLease) -> None:
    lines: list[str] = []

    await run(jobs, make_lease(), r"printf 'caf\303\251 \377\r\n'", output=lines.append)

    assert lines == ["café \\xff"]


async def test_a_job_whose_runner_was_killed_is_lost_and_told_once(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"echo ran >>{tmp_path}/count; test -e {tmp_path}/go || sleep 60"
    first = asyncio.create_task(run(jobs, make_lease(), text))
    runner = int((await appears(attempt(hosts) / "pid")).split()[0])
    await appears(tmp_path / "count")
    os.killpg(runner, signal.SIGKILL)

    with pytest.raises(
        JobLost, match=r"the command began \(attempt 1\) and left no result, because it was killed; look"
    ):
        await first
    (tmp_path / "go").touch()
    second = await run(jobs, make_lease(), text)

    assert second.attempt == 2


async def test_nothing_starts_beside_a_command_that_outlived_its_runner(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = (
        f"echo ran >>{tmp_path}/count; until test -e {tmp_path}/go; do sleep 0.05; done; echo ended >>{tmp_path}/count"
    )
    first = asyncio.create_task(run(jobs, make_lease(), text))
    runner = int((await appears(attempt(hosts) / "pid")).split()[0])
    await appears(tmp_path / "count")
    os.kill(runner, signal.SIGKILL)
    second = asyncio.create_task(run(jobs, make_lease(), text))
    await asyncio.sleep(1)
    assert not second.done()
    (tmp_path / "go").touch()

    outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert all(isinstance(outcome, JobLost) for outcome in outcomes)
    assert (tmp_path / "count").read_text() == "ran\nended\n"


async def test_a_reboot_is_recognised(jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease) -> None:
    hosts.reboot("web-01")
    first = asyncio.create_task(run(jobs, make_lease(), "sleep 60"))
    runner = int((await appears(attempt(hosts) / "pid")).split()[0])
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    os.killpg(runner, signal.SIGKILL)
    hosts.reboot("web-01")

    with pytest.raises(JobLost, match="because the host was rebooted"):
        await run(jobs, make_lease(), "sleep 60")


async def test_another_process_that_got_the_job_s_number_is_not_taken_for_it(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease
) -> None:
    first = asyncio.create_task(run(jobs, make_lease(), "sleep 60"))
    runner = int((await appears(attempt(hosts) / "pid")).split()[0])
    os.killpg(runner, signal.SIGKILL)
    with pytest.raises(JobLost):
        await first
    other = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    (attempt(hosts) / "pid").write_text(f"{other.pid} 1\n")
    (attempt(hosts) / "reported").unlink()

    with pytest.raises(JobLost):
        await run(jobs, make_lease(), "sleep 60")

    other.kill()
    await other.wait()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sleep 60 & sleep 60", id="its children too"),
        pytest.param("trap '' TERM; while :; do sleep 60; done", id="one that ignores TERM"),
        pytest.param("kill -STOP $$; sleep 60", id="one that is frozen"),
    ],
)
async def test_a_job_whose_time_is_over_is_stopped_as_a_whole_group(
    jobs: HostJobs, hosts: ShellHosts, make_lease: MakeLease, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_jobs, "KILL_GRACE_S", 1)

    with pytest.raises(CommandFailed, match="it was not done in 1 s and was stopped with all its processes"):
        await run(jobs, make_lease(), text, timeout_s=1)

    assert not job_groups(tmp_path)
    assert (await run(jobs, make_lease(), "true")).attempt == 2


async def test_a_daemon_that_a_job_leaves_behind_does_not_keep_it_running(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    text = f"setsid sleep 60 & echo $! >{tmp_path}/daemon; echo done"
    async with asyncio.timeout(10):
        result = await run(jobs, make_lease(), text)

    os.kill(int((tmp_path / "daemon").read_text()), signal.SIGKILL)
    assert result.output_tail == "done\n"


async def test_files_that_a_job_makes_can_be_read_by_others(
    jobs: HostJobs, make_lease: MakeLease, hosts: ShellHosts, tmp_path: Path
) -> None:
    await run(jobs, make_lease(), f"echo public >{tmp_path}/made")

    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644
    assert (attempt(hosts) / "log").stat().st_mode & 0o777 == 0o600


async def test_an_older_driver_starts_nothing_and_reports_nothing(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    await run(jobs, make_lease(epoch=5), "true", step="one")

    with pytest.raises(Superseded, match="it has seen epoch 5, this driver's is 4"):
        await run(jobs, make_lease(epoch=4), f"touch {tmp_path}/ran", step="two")

    assert not (tmp_path / "ran").exists()


async def test_a_driver_of_another_journal_starts_nothing(
    jobs: HostJobs, make_lease: MakeLease, tmp_path: Path
) -> None:
    await run(jobs, make_lease(epoch=5), "true", step="one")

    with pytest.raises(AuthorityDoubtful, match="web-01 belongs to journal 11111111-aaaa, not to other"):
        await run(jobs, make_lease(epoch=9, authority="other"), f"touch {tmp_path}/ran", step="two")

    assert not (tmp_path / "ran").exists()


async def test_a_journal_that_names_its_predecessor_is_followed_and_the_old_one_refused(
    jobs: HostJobs, make_lease: MakeLease
) -> None:
    old = make_lease(epoch=5)
    await run(jobs, old, "true", step="one")
    moved = make_lease(epoch=6, authority="moved", predecessors=(old.authority,))

    await run(jobs, moved, "true", step="two")

    with pytest.raises(AuthorityDoubtful, match="belongs to journal moved"):
        await run(jobs, make_lease(epoch=7), "true", step="three")


async def test_old_jobs_are_forgotten_but_not_young_or_running_ones_nor_the_kept_operation(
    jobs: HostJobs, script: HostScript, hosts: ShellHosts, make_lease: MakeLease
) -> None:
    await run(jobs, make_lease(number=1), "true")
    await run(jobs, make_lease(number=2), "true")
    await run(jobs, make_lease(number=3), "true")
    living = asyncio.create_task(run(jobs, make_lease(number=4), "sleep 60"))
    await appears(hosts.state("web-01") / "jobs/lab-4/web-01/step/1/pid")
    living.cancel()
    for operation in (1, 2, 4):
        folder = hosts.state("web-01") / f"jobs/lab-{operation}"
        for path in (folder, *folder.rglob("*")):
            os.utime(path, (0, 0))

    answer = await script.call("web-01", "jobs-gc", "30", "lab-2")

    assert answer.fields["gone"] == "1"
    assert sorted(path.name for path in (hosts.state("web-01") / "jobs").iterdir()) == ["lab-2", "lab-3", "lab-4"]
