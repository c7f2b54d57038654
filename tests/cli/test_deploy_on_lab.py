"""Whole deploys with the command alone, on real SSH hosts. The tests follow one environment through its life."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.cli.conftest import Command, wait_for_line

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

SCHEMAS = Path(__file__).parents[2] / "docs" / "json"
V0, V1, V2, V3 = "17.0.0-ee.0", "17.1.0-ee.0", "17.2.0-ee.0", "17.3.0-ee.0"


def installed(takeoff: Command) -> set[str]:
    return {host["installed"] for host in takeoff.json("status", "lab")["hosts"]}


def sql(takeoff: Command, statement: str) -> None:
    takeoff.lab.ssh("deploy-01", f'gitlab-psql -c "{statement}"', check=True)


def drained(takeoff: Command) -> list[str]:
    hosts = takeoff.json("status", "lab")["hosts"]
    return [f"{host['host']}: {host['serving']}" for host in hosts if host["serving"] not in ("UP", "")]


def one_host_at_a_time(takeoff: Command) -> None:
    path = takeoff.lab.state.folder / "environments" / "lab.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"batch": 1}, sort_keys=False))


def test_adopting_records_what_is_installed_and_is_refused_the_second_time(takeoff: Command) -> None:
    assert takeoff.json("status", "lab")["deployed"] == V0
    assert "adopted already" in takeoff.run("adopt", "lab", status=3).stderr


@pytest.mark.parametrize("command", ["status", "why", "packages", "preflight", "lease", "doctor"])
def test_what_it_prints_as_json_fits_the_published_schema(takeoff: Command, command: str) -> None:
    jsonschema.validate(takeoff.json(command, "lab"), json.loads((SCHEMAS / f"{command}.json").read_text()))


def test_a_version_that_no_source_holds_is_status_2_and_changes_nothing(takeoff: Command) -> None:
    done = takeoff.run("deploy", "lab", "17.9.9", status=2)
    assert "17.9.9" in done.stderr
    assert takeoff.json("lease", "lab")["operation"] == ""


def test_all_that_blocks_is_told_at_once_and_nothing_is_changed(takeoff: Command, broken: Callable[..., None]) -> None:
    takeoff.lab.publish(V1)
    sql(
        takeoff,
        "INSERT INTO batched_background_migrations (status, job_class_name, table_name, column_name) "
        "VALUES (4, 'BackfillNotes', 'notes', 'id')",
    )
    broken("heartbeat")
    broken("package-held", "web-01")
    found = takeoff.json("preflight", "lab", V1, status=3)
    blocking = {(one["gate"], one["host"]) for one in found["findings"] if one["weight"] == "blocks"}

    assert {gate for gate, _ in blocking} >= {"background_migrations", "alerts"}
    assert any(one["host"] == "web-01" for one in found["findings"])
    done = takeoff.run("deploy", "lab", V1, status=3)
    assert "background_migrations:" in done.stderr
    assert "alerts:" in done.stderr
    assert takeoff.json("status", "lab")["operation"] is None
    sql(takeoff, "DELETE FROM batched_background_migrations WHERE status = 4")


def test_an_interrupt_leaves_migrations_that_run_and_the_next_try_attaches_to_them(
    takeoff: Command, broken: Callable[..., None]
) -> None:
    broken("reconfigure-slow", "deploy-01")  # the migrations last for seconds
    process = takeoff.start("deploy", "lab", V1)
    try:
        wait_for_line(process, "  deploy-01: migrating")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1, stderr
    assert "leaving migrations: what was begun goes on on deploy-01" in stdout
    assert f"the lease is kept: `takeoff deploy lab {V1}` goes on" in stderr
    noted = takeoff.entries()[-1]["body"]
    assert noted["kind"] == "noted"
    assert "migrations was left by" in noted["text"]

    takeoff.run("deploy", "lab", V1, "--only", "migrations")
    attempts = 'ls "$TAKEOFF_HOST_ROOT/var/lib/takeoff/lab/jobs/lab-1/deploy-01/migrations"'
    assert takeoff.lab.ssh("deploy-01", attempts, check=True).stdout.split() == ["1"]
    assert installed(takeoff) == {V0, V1}


def test_a_deploy_stops_at_a_broken_host_and_goes_on_there_once_it_is_repaired(
    takeoff: Command, broken: Callable[..., None]
) -> None:
    broken("reconfigure", "web-01")
    stopped = takeoff.run("deploy", "lab", "17.1.0", status=1)
    assert "web-01" in stopped.stderr
    assert "exited 1" in stopped.stderr
    why = takeoff.json("why", "lab")
    assert why["stopped"]["task"] == "main.web"
    assert takeoff.json("lease", "lab")["operation"] == "lab-1"
    assert "is held by deploy lab-1" in takeoff.run("post-deploy", "lab", "--yes", status=3).stderr
    assert installed(takeoff) == {V0, V1}

    takeoff.lab.mend("reconfigure", "web-01")
    going_on = takeoff.run("deploy", "lab", V1)
    assert "main.git: done before" in going_on.stdout
    assert "warmup: done before" in going_on.stdout
    assert installed(takeoff) == {V1}
    assert takeoff.json("status", "lab")["deployed"] == V1


def test_rule_1_a_driver_that_was_frozen_and_superseded_changes_nothing_when_it_wakes_up(takeoff: Command) -> None:
    takeoff.lab.publish(V2)
    frozen = takeoff.start("deploy", "lab", V2)
    try:
        wait_for_line(frozen, "  web-cny-01: installing")
        frozen.send_signal(signal.SIGSTOP)
        takeoff.run("deploy", "lab", V2)
        after = takeoff.entries()
        frozen.send_signal(signal.SIGCONT)
        _, stderr = frozen.communicate(timeout=120)
    finally:
        frozen.kill()
    assert frozen.returncode == 3, stderr
    assert "takeoff: " in stderr
    assert takeoff.entries() == after
    assert installed(takeoff) == {V2}


def test_a_paused_environment_is_deployed_to_with_a_reason_only_and_the_journal_keeps_it(takeoff: Command) -> None:
    takeoff.lab.publish(V3)
    takeoff.run("pause", "lab", "--reason", "maintenance", "--for", "2h")
    refused = takeoff.run("deploy", "lab", V3, status=3)
    assert "paused: deploys are paused until" in refused.stderr
    assert "maintenance" in refused.stderr
    assert "takeoff resume lab" in refused.stderr

    # Killed in the middle (rule 5): what it began is stopped twice, and finished, by the tests that follow.
    process = takeoff.start("deploy", "lab", V3, "--skip", "paused=hotfix 42")
    wait_for_line(process, "main.web:")
    process.kill()
    process.communicate()
    overridden = [one["body"] for one in takeoff.entries() if one["body"]["kind"] == "overridden"]
    assert overridden == [{"kind": "overridden", "name": "paused", "reason": "hotfix 42"}]
    takeoff.run("resume", "lab")
    assert takeoff.json("status", "lab")["hold"] is None


@pytest.mark.parametrize("how", ["interrupt", "pause"])
def test_a_rollout_that_is_stopped_in_the_middle_drains_nothing_and_keeps_the_lease(
    takeoff: Command, broken: Callable[..., None], how: str
) -> None:
    one_host_at_a_time(takeoff)
    for host in ("web-01", "web-02", "web-03", "web-04"):
        broken("reconfigure-slow", host)  # so that the one in flight is there still when it is told to stop
    process = takeoff.start("deploy", "lab", V3)
    try:
        wait_for_line(process, "main.web: ")
        wait_for_line(process, "  web-0")
        if how == "pause":
            takeoff.run("pause", "lab", "--reason", "incident 42", "--stop-after", "host")
        else:
            process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 1, stderr
    assert "the hosts in flight were finished and none began after them" in stderr
    assert "not reached" in stderr
    assert "Traceback" not in stderr
    if how == "interrupt":
        assert re.search(r"^finishing web-0\d; press Ctrl-C again to leave them as they are", stdout, re.MULTILINE)
        assert f"the lease is kept: `takeoff deploy lab {V3}` goes on" in stderr
    assert drained(takeoff) == []
    failed = takeoff.entries()[-1]["body"]
    assert (failed["kind"], failed["task"]) == ("task_failed", "main.web")
    assert "stopped by" in failed["error"]
    assert takeoff.json("lease", "lab")["operation"]
    takeoff.run("resume", "lab")


def test_rule_5_what_was_killed_and_stopped_is_finished_by_the_same_command(takeoff: Command) -> None:
    takeoff.run("deploy", "lab", V3)
    assert installed(takeoff) == {V3}
    assert takeoff.json("lease", "lab")["operation"] == ""


def test_rule_3_the_point_of_no_return_is_recorded_before_post_deploy_migrations_begin(takeoff: Command) -> None:
    assert "give --yes" in takeoff.run("post-deploy", "lab", status=2).stderr
    assert takeoff.run("plan", "lab", V2, "--rollback").returncode == 0
    takeoff.run("post-deploy", "lab", "--yes")

    kinds = [one["body"]["kind"] for one in takeoff.entries()]
    assert kinds.index("point_of_no_return") < kinds.index("post_deploy_finished")
    assert takeoff.json("status", "lab")["pending"] is None
    assert "no post-deploy migrations" in takeoff.run("post-deploy", "lab", "--yes").stdout


def test_rule_4_a_rollback_behind_the_point_of_no_return_is_refused_with_the_reason(takeoff: Command) -> None:
    found = takeoff.json("plan", "lab", V2, "--rollback", status=3)
    jsonschema.validate(found, json.loads((SCHEMAS / "plan.json").read_text()))
    assert not found["verdict"]["reachable"]
    assert found["verdict"]["refusals"][0]["gate"] == "point_of_no_return"


def test_the_journal_is_one_unbroken_chain_and_its_copies_agree(takeoff: Command) -> None:
    entries = takeoff.entries()
    assert all(later["previous"] == earlier["hash"] for earlier, later in pairwise(entries))
    assert "entries that verify" in takeoff.run("journal", "lab", "--verify").stdout


def test_a_released_lease_ends_its_operation_for_good_and_a_plan_from_before_holds_no_more(takeoff: Command) -> None:
    plan = takeoff.json("plan", "lab", V3)["digest"]
    other = "-".join(("00000000", *plan.split("-")[1:]))
    refused = takeoff.run("deploy", "lab", V3, "--plan", other, status=3).stderr
    assert "the version or the environment file changed since plan" in refused
    takeoff.run("deploy", "lab", V3, "--only", "lease", "--plan", plan)
    holder = takeoff.json("lease", "lab")["operation"]
    assert "needs a reason" in takeoff.run("lease", "lab", "--release", status=2).stderr
    takeoff.run("lease", "lab", "--release", "--reason", "not needed")
    assert takeoff.json("lease", "lab")["operation"] == ""
    assert takeoff.json("status", "lab")["operation"]["id"] == holder
    assert "the lease changed since plan" in takeoff.run("deploy", "lab", V3, "--plan", plan, status=3).stderr
    assert "nothing to release" in takeoff.run("lease", "lab", "--release", "--reason", "x", status=3).stderr


def test_a_warmup_alone_installs_nothing_and_keeps_no_lease(takeoff: Command) -> None:
    before = installed(takeoff)
    takeoff.lab.publish("17.4.0-ee.0")
    told = takeoff.run("deploy", "lab", "17.4.0", "--warmup").stdout
    assert "lab is warm for 17.4.0, nothing was installed" in told
    operation = takeoff.json("status", "lab")["operation"]
    assert (operation["kind"], operation["version"], operation["outcome"]) == ("warmup", "17.4.0-ee.0", "succeeded")
    assert installed(takeoff) == before
    assert takeoff.json("lease", "lab")["operation"] == ""


def test_a_journal_that_was_lost_stops_everything_until_it_is_restored(takeoff: Command) -> None:
    before = len(takeoff.entries())
    takeoff.lab.ssh("deploy-01", 'rm "$TAKEOFF_HOST_ROOT/var/lib/takeoff/lab/journal"', check=True)
    assert "--restore" in takeoff.run("deploy", "lab", V3, status=3).stderr
    assert "needs a reason" in takeoff.run("journal", "lab", "--restore", status=2).stderr
    takeoff.run("journal", "lab", "--restore", "--reason", "disk replaced")

    entries = takeoff.entries()
    assert len(entries) >= before
    assert "point_of_no_return" in [one["body"]["kind"] for one in entries]
    assert takeoff.json("status", "lab")["deployed"] == V3
