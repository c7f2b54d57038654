"""Whether a rollback is possible (safety rule 4)."""

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.gates import Weight
from takeoff.core.journal_entries import PointOfNoReturn, TaskStarted
from takeoff.core.operation import OperationKind
from takeoff.core.record import Record
from takeoff.core.rollback_refusals import MIGRATING, NEVER_DEPLOYED, NO_RETURN, NOT_OLDER
from takeoff.core.task_ids import POST_DEPLOY
from takeoff.core.verdict import reachable_versions, rollback_verdict
from tests.core.records import adopted, deployed, fold, opened

V0, V1, V2 = "17.0.0-ee.0", "17.1.0-ee.0", "17.2.0-ee.0"


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def no_return(version: str) -> PointOfNoReturn:
    return PointOfNoReturn(version=version, names=("20240612 Remove",))


MIGRATED_V1 = fold(no_return(V1), record=deployed([V1]))
MIGRATING_V1 = fold(
    opened(2, V1, OperationKind.POST_DEPLOY), ("lab-2", TaskStarted(task=POST_DEPLOY)), record=deployed([V1])
)


@pytest.mark.parametrize(
    ("record", "target", "refusals"),
    [
        (deployed([V1]), V0, []),
        (MIGRATED_V1, V0, [NO_RETURN]),
        (deployed([V2], MIGRATED_V1), V1, []),
        (deployed([V2], MIGRATED_V1), V0, [NO_RETURN]),
        (deployed([V1]), "16.11.0-ee.0", [NEVER_DEPLOYED]),
        (deployed([V1]), V1, [NOT_OLDER]),
        (fold(opened(1, V1), record=adopted(V0)), V0, []),
        (MIGRATING_V1, V0, [MIGRATING]),
        (Record(), V0, ["authority"]),
        (fold(no_return("build-b"), record=deployed(["build-b"], adopted("build-a"))), "build-a", [NO_RETURN]),
    ],
    ids=[
        "to the version before",
        "behind a point of no return",
        "to the version whose migrations those were",
        "past it, two versions back",
        "to what never ran here",
        "to what runs already",
        "out of a deploy that stopped half-way",
        "while post-deploy migrations run",
        "without a journal",
        "versions without an order: what ran before the migrations is behind them",
    ],
)
def test_a_rollback_is_refused_by(record: Record, target: str, refusals: list[str], environment: Environment) -> None:
    verdict = rollback_verdict(record, environment, target)
    assert [one.gate for one in verdict.refusals if one.weight is Weight.BLOCKS] == refusals
    assert verdict.reachable is not bool(refusals)


def test_the_natural_target_of_a_stopped_deploy_is_the_last_version_that_the_whole_fleet_ran() -> None:
    record = fold(opened(2, V2), record=deployed([V1]))
    assert reachable_versions(record) == (V1, V0)


def test_the_operation_that_a_rollback_would_end_is_named(environment: Environment) -> None:
    verdict = rollback_verdict(fold(opened(1, V1), record=adopted(V0)), environment, V0)
    assert verdict.ends == "lab-1"
    assert verdict.from_version == V1
