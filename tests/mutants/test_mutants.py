"""Each rule of the engine, broken in one place of the code, is noticed by a test that is named here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

CRASHES, UNDISTURBED = "tests/simulation/test_schedules.py", "undisturbed"
HOST_JOBS, JOURNAL, LEASE = (f"tests/fleet/test_{name}.py" for name in ("host_jobs", "journal", "lease"))
ROLLOUT, FLOOR, RULES = (
    "tests/fleet/test_rollout.py",
    "tests/fleet/test_rollout_floor.py",
    "tests/core/test_rollout_rules.py",
)
REFUSED = "tests/fleet/test_host_jobs_refused.py"
COMMANDS = "tests/fleet/commands/test_package_commands.py"
RECIPES = "tests/fleet/commands/test_recipe_commands.py"
MIGRATIONS = "tests/fleet/test_migrations.py"


PYTEST = (
    *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutants.mutation", "-p", "pytest_asyncio.plugin"),
    *("-p", "pytest_timeout", "-p", "no:cacheprovider"),
)


class Mutant(NamedTuple):
    """One broken rule: where, what stands there, what is put there, and the test that must fail."""

    file: str
    old: str
    new: str
    test: str
    named: str


MUTANTS = {
    "hosts not told the epoch": Mutant(
        "engine/operation_part.py", "hosts = self.session.environment.hosts()", "hosts: dict[str, object] = {}",
        CRASHES, UNDISTURBED),
    "a task's driver not announced": Mutant(
        "engine/tasks.py", "        await part.announce()\n", "", CRASHES, UNDISTURBED),
    "a driver taken that was never announced": Mutant(
        "fleet/host/fence.sh", '[ "$fence_authority" ] || {', "true || {", REFUSED, "lost_its_state"),
    "an older try drives its own retry out": Mutant(
        "fleet/lease.py", "if newest not in (None, one.epoch):", "if False:", LEASE, "drive_out_its_own_retry"),
    "failed job begun again before its failure was told": Mutant(
        "fleet/host/jobs.sh", '[ -e "$attempt/reported" ] || again=0', "true",
        HOST_JOBS, "a_failure_that_nobody_saw"),
    "payload cut short taken for whole": Mutant(
        "fleet/host/state.sh", '[ "$(wc -c <"$payload")" -eq "$payload_bytes" ] ||', "true ||",
        REFUSED, "was_cut_on_its_way"),
    "drain not verified before unpacking": Mutant(
        "fleet/host_rollout.py", "            await self.service.verify_drained()\n", "            pass\n",
        FLOOR, "sessions_that_come_back_before_the_install"),
    "epoch check left out on hosts": Mutant(
        "fleet/host/fence.sh", '[ "$1" -ge "$fence_epoch" ] ||', "true ||",
        HOST_JOBS, "an_older_driver_starts_nothing"),
    "epoch of the newest driver not remembered": Mutant(
        "fleet/host/fence.sh", '"$1" "$fence_authority" "$3" >', '0 "$fence_authority" "$3" >',
        HOST_JOBS, "an_older_driver_starts_nothing"),
    "authority check left out": Mutant(
        "fleet/host/fence.sh", '*) [ "$fence_authority" = \'\' ] || {', "*) true || {",
        HOST_JOBS, "a_driver_of_another_journal_starts_nothing"),
    "epoch check left out on balancer nodes": Mutant(
        "fleet/host/balancer.sh", 'check_fence "$1" "$2"', "true",
        "tests/fleet/test_host_script.py", "an_older_driver_sets_no_server_s_state"),
    "numbered attempt not insisted on": Mutant(
        "fleet/host/jobs.sh", '[ "$newest" -lt "$6" ] || again=0', "true",
        HOST_JOBS, "with_a_numbered_attempt"),
    "success not final": Mutant(
        "fleet/host/jobs.sh", "'done') [ \"$rc\" = 0 ] || again=1 ;;", "'done') again=1; : >\"$attempt/reported\" ;;",
        HOST_JOBS, "a_success_is_final"),
    "reboot not recognised": Mutant(
        "fleet/host/jobs.sh", '[ "$(cat "$attempt/boot")" = "$boot" ] || rebooted=1', "true",
        HOST_JOBS, "a_reboot_is_recognised"),
    "job of another operation not waited for": Mutant(
        "fleet/host/jobs.sh", '    if [ "$other" ]; then', "    if false; then",
        HOST_JOBS, "a_job_waits_for_another_one"),
    "job of another step not waited for": Mutant(
        "fleet/host/jobs.sh", 'case $attempt in "$job/"*) continue', 'case $attempt in "${job%/*/*}/"*) continue',
        HOST_JOBS, "a_job_waits_for_another_one"),
    "host put back while a former driver's job runs": Mutant(
        "fleet/rollout.py", "                if not disturbed:\n", "                if True:\n",
        ROLLOUT, "a_former_driver_s_job"),
    "end of a former driver's job not awaited": Mutant(
        "fleet/host_rollout.py", "while running := await self.fleet.jobs.running(self.lease, self.host):",
        "while running := ():",
        ROLLOUT, "a_former_driver_s_job"),
    "host that may come back counted as out": Mutant(
        "core/rollout_rules.py", "return held_out or", "return held_out or host not in serving or",
        FLOOR, "is_down_and_may_come_back"),
    "host left behind not told": Mutant(
        "fleet/rollout.py", "            await leaving_behind(host, one.reason)\n", "",
        ROLLOUT, "nobody_could_be_told"),
    "journal appended without compare": Mutant(
        "fleet/host/journal.sh", 'if [ "$size" -ne "$2" ] || {', "if false || false && {",
        JOURNAL, "of_many_appends_at_once"),
    "cut append not redone": Mutant(
        "fleet/host/journal.sh", '[ -e "$journal.redo" ] || return 0', "return 0",
        JOURNAL, "an_append_that_was_cut_off_by_a_crash"),
    "moved journal not noticed": Mutant(
        "fleet/journal.py", "if answer.exit_status != MOVED:", "if True:", JOURNAL, "of_many_appends_at_once"),
    "superseded driver writes": Mutant(
        "fleet/journal.py", "_check_driver(after, operation, epoch)", "pass",
        JOURNAL, "a_driver_that_was_followed"),
    "copies not asked": Mutant(
        "fleet/journal.py", "if problem := self.copies.doubt(known, self._text):", "if problem := '':",
        JOURNAL, "a_journal_older_than_a_copy"),
    "decisions not copied": Mutant(
        "fleet/journal.py", "if any(isinstance(entry.body, DECISIONS) for entry in entries):", "if False:",
        JOURNAL, "a_decision_is_copied"),
    "second operation opened": Mutant(
        "fleet/lease.py", "if holder is not None and holder.details.id != takes_over:", "if False:",
        LEASE, "of_two_drivers_that_race"),
    "epoch not raised for a new driver": Mutant(
        "fleet/lease.py", "newest, epoch = one.epoch, record.epoch + 1",
        "newest, epoch = one.epoch, record.epoch", LEASE, "each_driver_gets_a_higher_epoch"),
    "closed operation driven": Mutant(
        "fleet/lease.py", "            if one.outcome is not None:\n                raise",
        "            if False:\n                raise",
        LEASE, "a_closed_or_unknown_operation"),
    "restored journal keeps the epoch": Mutant(
        "fleet/journal_restore.py", "*(one.epoch for one in held)) + 1", "*(one.epoch for one in held))",
        JOURNAL, "a_lost_journal_is_restored"),
    "floor off by one": Mutant(
        "core/rollout_rules.py", "return len(self.serving - self.out) - self.floor",
        "return len(self.serving - self.out) - self.floor + 1", RULES, "only_above_the_floor"),
    "floor off by one when a host leaves": Mutant(
        "fleet/rollout.py", "len(others) >= self.floor:", "len(others) >= self.floor - 1:",
        FLOOR, "fell_ill_while_it_was_prepared"),
    "leave not asked before a drain": Mutant(
        "fleet/host_rollout.py", "            if self._is_balanced:\n", "            if False:\n",
        FLOOR, "fell_ill_while_a_former_driver_s_job"),
    "leave not asked again for a restart that was lost": Mutant(
        "fleet/host_rollout.py", "            return await self._run(step, command, stops=stops)\n\n",
        "            return await self._run(step, command, stops=False)\n\n", FLOOR, "a_reboot_cut_short"),
    "batch off by one": Mutant(
        "core/rollout_rules.py", "if len(self.out) >= self.batch:", "if len(self.out) > self.batch:",
        RULES, "as_many_are_out"),
    "budget off by one": Mutant(
        "core/rollout_rules.py", "if failed > self.failed:", "if failed > self.failed + 1:",
        RULES, "a_spent_budget"),
    "end of sessions not awaited": Mutant(
        "fleet/host_service.py", "while open_sessions := sum(status.open for _, status in await self._out()):",
        "while open_sessions := 0:", CRASHES, UNDISTURBED),
    "unhealthy host put back": Mutant(
        "fleet/host_rollout.py", "            if seen.healthy:\n                return\n", "            return\n",
        FLOOR, "does_not_become_healthy"),
    "balancer's check not awaited": Mutant(
        "fleet/host_service.py", "lambda status: status.check_passes, timeout_s", "lambda status: True, timeout_s",
        FLOOR, "only_the_balancer_finds_unhealthy"),
    "half-changed host serves again": Mutant(
        "fleet/host_service.py", "if status.serving and untouched:", "if status.serving or True:",
        FLOOR, "in_the_middle_of_a_change"),
    "a person's maint lifted": Mutant(
        "fleet/host_service.py", "if status.in_maint and not self._maint_is_ours:", "if False:",
        ROLLOUT, "an_operator_s_own_maint"),
    "unfinished change taken for done": Mutant(
        "fleet/host_look.py", "and not self.unfinished and not self.skip_file", "and not self.skip_file",
        ROLLOUT, "left_unfinished"),
    "skip file not made": Mutant(
        "fleet/commands/package.sh", '    : >"$skip_file"\n', "    return 0\n", COMMANDS, "with_the_skip_file_there"),
    "pinned sum not compared": Mutant(
        "fleet/commands/package.sh", '[ "$sum" != "$pinned" ] || return 0', "return 0",
        COMMANDS, "did_not_pin"),
    "post-deploy migrations not switched off": Mutant(
        "fleet/commands/recipe_commands.py", '{"SKIP_POST_DEPLOYMENT_MIGRATIONS": "true"}', "{}",
        RECIPES, "post_deploy_migrations_switched_off"),
    "what is left pending called done": Mutant(
        "fleet/migrations.py", "if left := await pending(fleet):", "if left := ():",
        MIGRATIONS, "leave_some_pending"),
    "point of no return not recorded": Mutant(
        "engine/post_deploy_work.py", "await part.tell(PointOfNoReturn(version=version, names=names))", "pass",
        CRASHES, UNDISTURBED),
}  # fmt: skip


@pytest.mark.timeout(330)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # half of the time that a mutant takes
        "TAKEOFF_MUTANT_FILE": mutant.file,
        "TAKEOFF_MUTANT_OLD": mutant.old,
        "TAKEOFF_MUTANT_NEW": mutant.new,
    }
    done = subprocess.run(
        [*PYTEST, f"--basetemp={tmp_path / 'mutant'}", mutant.test, "-k", mutant.named],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1, f"not noticed, or no such test:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
    assert "FAILED" in done.stdout
    assert "ModuleNotFoundError" not in done.stdout
    assert "AssertionError: " + repr(mutant.old)[:20] not in done.stdout


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 25
