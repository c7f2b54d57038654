"""How long a plan may take, from earlier operations in the journal."""

from __future__ import annotations

from collections.abc import Iterable

from takeoff.core.environment_text import parse_environment
from takeoff.core.estimate import Estimate, TaskEstimate, estimate
from takeoff.core.journal_entries import Entry, EntryBody, TaskFinished
from takeoff.core.operation import OperationKind
from takeoff.core.plan import make_plan
from takeoff.core.reports import HostOutcome, Result, RolloutReport
from tests.core.conftest import SMALL
from tests.core.records import BEGIN, opened

OLD, NEW = "17.0.0-ee.0", "17.1.0-ee.0"
ENVIRONMENT = parse_environment(SMALL + "batch: 1\n", "lab.yml").environment


def entries(bodies: Iterable[tuple[str, EntryBody]]) -> list[Entry]:
    return [
        Entry(seq=number, at=BEGIN, by="maria", operation=operation, body=body, previous="")
        for number, (operation, body) in enumerate(bodies, 1)
    ]


def took(operation: str, task: str, seconds: float, *hosts: float) -> tuple[str, EntryBody]:
    outcomes = (HostOutcome(host=f"h{n}", result=Result.CHANGED, reason="", seconds=s) for n, s in enumerate(hosts))
    report = RolloutReport(hosts=tuple(outcomes)) if hosts else None
    return operation, TaskFinished(task=task, seconds=seconds, summary="", report=report)


def estimated(*bodies: tuple[str, EntryBody], installed: dict[str, str] | None = None) -> Estimate:
    versions = dict.fromkeys(ENVIRONMENT.fleet, OLD) | (installed or {})
    return estimate(make_plan(ENVIRONMENT, NEW, versions), entries(bodies))


def of(found: Estimate, task: str) -> TaskEstimate:
    return next(one for one in found.tasks if one.task == task)


def test_without_history_every_task_is_unknown_and_nothing_is_claimed() -> None:
    found = estimated()
    assert found.seconds == 0.0
    assert found.unknown == tuple(task.task for task in found.tasks)
    assert "warmup" in found.unknown
    assert not {"new_package", "preflight", "lease", "post_deploy.approve"} & set(found.unknown)


def test_a_task_takes_the_median_of_its_newest_runs() -> None:
    runs = [opened(1, OLD), *(took("lab-1", "warmup", seconds) for seconds in (900.0, 10.0, 20.0, 30.0, 40.0, 50.0))]
    assert of(estimated(*runs), "warmup") == TaskEstimate(task="warmup", seconds=30.0, runs=5)


def test_a_rollout_takes_the_median_host_once_for_each_batch() -> None:
    web = [member.host.name for member in ENVIRONMENT.members("main", "web")]
    runs = [opened(1, OLD), took("lab-1", "main.web", 999.0, 50.0, 60.0, 70.0)]
    assert of(estimated(*runs), "main.web").seconds == 60.0 * len(web)
    assert of(estimated(*runs, installed=dict.fromkeys(web, NEW)), "main.web").seconds == 0.0


def test_a_stage_without_history_is_reckoned_by_the_same_role_elsewhere() -> None:
    found = estimated(opened(1, OLD), took("lab-1", "main.web", 999.0, 60.0))
    assert of(found, "canary.web").seconds == 60.0
    assert of(found, "main.git").seconds is None


def test_other_kinds_of_operation_say_nothing_about_a_deploy() -> None:
    found = estimated(opened(1, OLD, OperationKind.ROLLBACK), took("lab-1", "warmup", 10.0))
    assert of(found, "warmup").seconds is None
