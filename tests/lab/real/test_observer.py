"""The observer sees every rule that is broken by hand on a real lab, and none that is not."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.state import LabError
from tests.lab.running import ROOT, RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., object]

JOB = """
folder=/var/lib/takeoff/lab/jobs/{operation}/{host}/{step}/{attempt}
mkdir -p "$folder" && cd "$folder"
printf '%s\\n' '{script}' >script
date +%s >started
setsid sh -c 'echo "$$ 0" >pid; exec sh ./script' >/dev/null 2>&1 </dev/null &
until [ -s pid ]; do sleep 0.02; done
"""
"""Starts a host job as Takeoff does: its folder tells who it is, its process runs in it."""

AT_ITS_END = "until [ -s rc ]; do sleep 0.02; done"
"""Waits for the job that was just started: one that another follows must not be seen alive beside it."""

CLEAR = """
for file in /var/lib/takeoff/lab/jobs/*/*/*/*/pid; do
    [ ! -e "$file" ] || [ -s "${file%pid}rc" ] || kill -KILL "-$(cut -d ' ' -f 1 "$file")" || :
done
rm -rf /var/lib/takeoff
"""
"""Ends the jobs that still run, each the leader of a session of its own, and forgets all."""


class Observer:
    """The observer as a process of its own."""

    def __init__(self, lab: RunningLab, verdict: Path, log: Path) -> None:
        self._verdict = verdict
        command = [sys.executable, "-m", "lab.observer", "--state", str(lab.state.folder), "--traffic", "0"]
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [*command, "--verdict", str(verdict)], cwd=ROOT, stdout=stream, stderr=stream
            )
        self.watch()

    def watch(self) -> None:
        """Wait until it has looked twice more."""
        wanted = self._looks() + 2
        eventually(lambda: self._looks() >= wanted, "the observer looks")

    def finish(self) -> dict[str, Any]:
        """End it; its verdict."""
        self.process.send_signal(signal.SIGTERM)
        self.status = self.process.wait(20)
        return dict(json.loads(self._verdict.read_bytes()))

    def _looks(self) -> int:
        return int(json.loads(self._verdict.read_bytes())["looks"]) if self._verdict.exists() else 0


@pytest.fixture
def observer(lab: RunningLab, tmp_path: Path) -> Iterator[Observer]:
    """Yield an observer that watches a sound fleet; what a test leaves of jobs and drains is cleared away."""
    lab.await_serving()
    observer = Observer(lab, tmp_path / "verdict.json", tmp_path / "observer.log")
    yield observer
    if observer.process.poll() is None:
        observer.process.kill()
        observer.process.wait()
    for host in lab.record.layout.hosts:
        with contextlib.suppress(LabError):  # one is off until its fault is mended
            lab.run(host.name, CLEAR)
        if host.backend:
            for node in lab.record.layout.balancers:
                lab.balancer(node, f"set server {host.backend}/{host.name} state ready")


def start_job(
    lab: RunningLab, host: str, operation: str, *, step: str = "install", attempt: int = 1, script: str = "sleep 30"
) -> None:
    """Run a host job of an operation; it is under way when this returns."""
    lab.run(
        host, JOB.format(operation=operation, host=host, step=step, attempt=attempt, script=f"{script}; echo 0 >rc")
    )


def complete_job(lab: RunningLab, host: str, operation: str, *, attempt: int = 1) -> None:
    """Run a host job of an operation that succeeds, to its end."""
    started = JOB.format(operation=operation, host=host, step="install", attempt=attempt, script="echo 0 >rc")
    lab.run(host, f"{started}{AT_ITS_END}")


def breaches(verdict: dict[str, Any], rule: int) -> list[str]:
    """What broke a rule, sentence by sentence; every breach has its moment and its evidence."""
    found = verdict["rules"][str(rule)]["breaches"]
    assert all(each["moment"] and each["evidence"] for each in found)
    print(json.dumps(found, indent=1))  # the evidence, should a test fail
    return [each["what"] for each in found]


def drain(lab: RunningLab, *hosts: str, state: str = "drain") -> None:
    for host in hosts:
        for node in lab.record.layout.balancers:
            lab.balancer(node, f"set server web/{host} state {state}")


def test_a_quiet_lab_breaks_no_rule(lab: RunningLab, observer: Observer) -> None:
    observer.watch()
    verdict = observer.finish()
    assert (verdict["held"], observer.status) == (True, 0)
    assert {number: rule["held"] for number, rule in verdict["rules"].items()} == dict.fromkeys("1235", True)
    assert verdict["unseen"] == {}


def test_the_observer_looks_twice_a_second(lab: RunningLab, observer: Observer) -> None:
    started = time.monotonic()
    for _ in range(3):
        observer.watch()
    assert time.monotonic() - started < 10
    assert observer.finish()["longest_gap_seconds"] < 2


def test_rule_1_jobs_of_two_operations_at_once(lab: RunningLab, observer: Observer) -> None:
    start_job(lab, "web-01", "lab-7")
    start_job(lab, "git-01", "lab-8")
    observer.watch()
    assert "jobs of lab-7 and lab-8 run at the same time" in breaches(observer.finish(), 1)
    assert observer.status == 1


def test_rule_1_a_superseded_operation_that_wakes_up(lab: RunningLab, observer: Observer) -> None:
    complete_job(lab, "web-01", "lab-9")
    observer.watch()
    complete_job(lab, "web-01", "lab-8")
    observer.watch()
    assert breaches(observer.finish(), 1) == [
        "lab-8 begins install on web-01 although a newer operation has acted already"
    ]


def test_rule_1_somebody_else_changes_a_host_meanwhile(lab: RunningLab, broken: Break, observer: Observer) -> None:
    broken("reconfigure-slow", "git-01")
    start_job(lab, "web-01", "lab-7")
    lab.run("git-01", "setsid gitlab-ctl reconfigure >/dev/null 2>&1 </dev/null &")
    observer.watch()
    lab.run("git-01", "pkill -f [r]econfigure.py")
    assert "git-01 is changed by what belongs to no operation, while lab-7 is at work" in breaches(observer.finish(), 1)


def test_rule_1_what_a_job_itself_runs_is_no_stranger(lab: RunningLab, broken: Break, observer: Observer) -> None:
    broken("reconfigure-slow", "git-01")
    start_job(lab, "git-01", "lab-7", step="configure", script="gitlab-ctl reconfigure")
    observer.watch()
    lab.run("git-01", "pkill -f [r]econfigure.py")
    assert breaches(observer.finish(), 1) == []


def test_rule_2_the_floor(lab: RunningLab, observer: Observer) -> None:
    drain(lab, *(host.name for host in lab.record.layout.hosts if host.role == "web"))
    observer.watch()
    (first, *_) = breaches(observer.finish(), 2)
    assert "left service, and " in first
    assert " of web serve where " in first


def test_rule_2_an_unhealthy_host_is_put_back(lab: RunningLab, broken: Break, observer: Observer) -> None:
    drain(lab, "web-01", state="maint")
    broken("readiness", "web-01")
    observer.watch()
    drain(lab, "web-01", state="ready")
    observer.watch()
    assert "web-01 was put back into use on lb-01 although it is not healthy" in breaches(observer.finish(), 2)


def test_rule_2_unpacked_while_in_use(lab: RunningLab, observer: Observer) -> None:
    version = lab.publish_next("web-01")
    install(lab, "web-01", version)
    observer.watch()
    assert "web-01 was unpacked while lb-01 had it in use" in breaches(observer.finish(), 2)


def test_rule_2_drained_before_unpacked_is_right(lab: RunningLab, observer: Observer) -> None:
    version = lab.publish_next("web-01")
    drain(lab, "web-01")
    observer.watch()
    install(lab, "web-01", version)
    observer.watch()
    drain(lab, "web-01", state="ready")
    observer.watch()
    assert breaches(observer.finish(), 2) == []


def test_rule_3_a_migration_on_another_host(lab: RunningLab, observer: Observer) -> None:
    forget_newest_migration(lab)
    observer.watch()
    lab.run("web-01", "gitlab-rake db:migrate")
    observer.watch()
    assert "web-01 applied a migration, which only deploy-01 may" in breaches(observer.finish(), 3)


def test_rule_3_two_migrations_at_once(lab: RunningLab, broken: Break, observer: Observer) -> None:
    forget_newest_migration(lab)
    broken("migration-endless", "deploy-01")
    lab.run("deploy-01", "setsid gitlab-rake db:migrate >/dev/null 2>&1 </dev/null &")
    # The second one would give up as soon as it finds the first: stopped before that, it is there to be seen.
    lab.run(
        "deploy-01",
        """gitlab-rake db:migrate >/dev/null 2>&1 </dev/null &
        until grep -q '[r]ake.py' /proc/$!/cmdline; do :; done
        kill -STOP $!""",
    )
    observer.watch()
    verdict = observer.finish()
    lab.run("deploy-01", "pkill -KILL -f [r]ake.py")
    lab.fault("migration-endless", "deploy-01").lift("deploy-01")
    eventually(lambda: lab.kind.run("deploy-01", "gitlab-rake db:migrate").status == 0, "the lock is free again")
    assert any(what.endswith("migrations run at the same time") for what in breaches(verdict, 3))


def test_rule_3_a_post_deployment_migration_that_nobody_allowed(lab: RunningLab, observer: Observer) -> None:
    newest = forget_newest_migration(lab)
    observer.watch()
    lab.run("deploy-01", "gitlab-rake db:migrate")
    observer.watch()
    verdict = observer.finish()
    assert f"the post-deployment migration {newest} was applied although not all allowed it" in breaches(verdict, 3)
    assert "the journal has no point of no return" in json.dumps(verdict["rules"]["3"])


def test_rule_5_a_host_is_left_drained(lab: RunningLab, observer: Observer) -> None:
    drain(lab, "web-01")
    observer.watch()
    verdict = observer.finish()
    assert breaches(verdict, 5) == ["web-01 was left as it should not be, and the journal says nothing of it"]
    assert "lb-01 has it as DRAIN" in verdict["rules"]["5"]["breaches"][0]["evidence"]


def test_rule_5_a_package_is_left_half_configured(lab: RunningLab, broken: Break, observer: Observer) -> None:
    broken("half-configured", "sidekiq-01")
    observer.watch()
    verdict = observer.finish()
    evidence = [line for each in verdict["rules"]["5"]["breaches"] for line in each["evidence"]]
    assert "dpkg has the package as half-configured" in evidence


def test_rule_5_a_job_runs_twice(lab: RunningLab, observer: Observer) -> None:
    for attempt in (1, 2):
        complete_job(lab, "web-01", "lab-7", attempt=attempt)
    observer.watch()
    assert breaches(observer.finish(), 5) == ["the job install of lab-7 succeeded twice on web-01"]


def test_rule_5_a_job_is_left_running(lab: RunningLab, observer: Observer) -> None:
    start_job(lab, "web-01", "lab-7")
    observer.watch()
    verdict = observer.finish()
    assert "the job install of lab-7 still runs" in json.dumps(verdict["rules"]["5"])


def test_what_cannot_be_seen_is_told(lab: RunningLab, broken: Break, observer: Observer) -> None:
    broken("power", "sidekiq-01")
    broken("haproxy-socket", "lb-02")
    observer.watch()
    assert set(observer.finish()["unseen"]) == {"host sidekiq-01", "balancer lb-02"}


def test_the_observer_imports_nothing_of_takeoff() -> None:
    script = "import sys, lab.observer.__main__; print([name for name in sys.modules if name.startswith('takeoff')])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def install(lab: RunningLab, host: str, version: str) -> None:
    """Install a version by hand, without reconfiguring, as a deploy does."""
    lab.run(
        host,
        "touch /etc/gitlab/skip-auto-reconfigure; apt-get update -q; "
        f"apt-get install -yq gitlab-ee={version}; status=$?; rm /etc/gitlab/skip-auto-reconfigure; exit $status",
    )


def forget_newest_migration(lab: RunningLab) -> str:
    """Take the mark of the newest migration, a post-deployment one, from the database; its id."""
    newest = lab.run("deploy-01", "gitlab-psql -c 'SELECT max(version) FROM schema_migrations'").strip()
    statement = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
    lab.run("deploy-01", f'gitlab-psql -c "{statement}"')
    return newest
