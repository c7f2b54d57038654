"""What the journal alone says about a deploy."""

from datetime import timedelta

import pytest

from takeoff.core import gates
from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError, Refused
from takeoff.core.gates import Finding, Weight, check_skips, refuse, with_skips
from takeoff.core.journal_entries import HoldLifted, HoldSet, LeftBehind, MigrationsPending, TaskFailed, VersionRejected
from takeoff.core.record import Record
from takeoff.core.record_gates import opening_findings, post_deploy_findings, record_findings
from tests.core.records import BEGIN, adopted, deployed, fold, opened

NEW = "17.1.0-ee.0"
LATER = BEGIN + timedelta(hours=1)


@pytest.fixture
def environment(small_text: str) -> Environment:
    return parse_environment(small_text, "lab.yml").environment


def blocking(found: tuple[Finding, ...]) -> list[str]:
    return [finding.gate for finding in found if finding.weight is Weight.BLOCKS]


@pytest.mark.parametrize(
    ("record", "version", "expected"),
    [
        (adopted(), NEW, []),
        (Record(), NEW, [gates.AUTHORITY]),
        (fold(opened(1, NEW), record=adopted()), NEW, [gates.LEASE]),
        (fold(HoldSet(reason="maintenance"), record=adopted()), NEW, [gates.PAUSED]),
        (fold(HoldSet(reason="m"), HoldLifted(), record=adopted()), NEW, []),
        (fold(HoldSet(reason="m", until=BEGIN + timedelta(minutes=30)), record=adopted()), NEW, []),
        (adopted("17.2.0-ee.0"), NEW, [gates.DOWNGRADE]),
        (adopted("17.2.0-ee.0"), "17.2.0-ee.0", []),
        (fold(VersionRejected(version=NEW, reason="500s"), record=adopted()), NEW, [gates.REJECTED]),
        (fold(LeftBehind(host="web-01", reason="down"), record=adopted()), NEW, []),
        (fold(MigrationsPending(version="17.0.0-ee.0", names=("1 a",)), record=adopted()), NEW, []),
    ],
    ids=[
        "nothing stands in the way",
        "never adopted",
        "another operation is open",
        "paused",
        "resumed",
        "the pause has expired",
        "an older version",
        "the same version again",
        "rejected by a rollback",
        "a host left behind is told only",
        "pending post-deploy migrations are told only",
    ],
)
def test_a_deploy_is_blocked_by(record: Record, version: str, expected: list[str], environment: Environment) -> None:
    assert blocking(record_findings(record, environment, version, LATER)) == expected


def test_migrations_pending_for_longer_than_allowed_block(environment: Environment) -> None:
    limited = environment.model_copy(
        update={"gates": environment.gates.model_copy(update={"post_deploy_pending": timedelta(days=7)})}
    )
    record = fold(MigrationsPending(version="17.0.0-ee.0", names=("1 a",)), record=adopted())

    assert blocking(record_findings(record, limited, NEW, BEGIN + timedelta(days=7))) == []
    found = record_findings(record, limited, NEW, BEGIN + timedelta(days=8))
    assert blocking(found) == [gates.POST_DEPLOY_PENDING]
    assert "7d" in found[0].message


@pytest.mark.parametrize(
    ("migrated", "version", "post_deploy", "blocks"),
    [
        ("17.10.0-ee.0", "17.11.0-ee.0", "manual", True),
        ("17.9.0-ee.0", "17.10.0-ee.0", "manual", False),
        ("17.10.0-ee.0", "17.10.4-ee.0", "manual", False),
        ("17.10.0-ee.0", "17.11.0-ee.0", "next_deploy", False),
    ],
    ids=["a stop is left", "a stop is reached", "a patch of the stop", "they are the deploy's first step"],
)
def test_pending_migrations_are_not_carried_over_a_required_stop(
    environment: Environment, migrated: str, version: str, post_deploy: str, blocks: bool
) -> None:
    there = environment.model_copy(update={"post_deploy": post_deploy})
    record = fold(MigrationsPending(version=migrated, names=("1 a",)), record=adopted(migrated))
    (found,) = record_findings(record, there, version, LATER)
    assert (found.gate, found.weight is Weight.BLOCKS) == (gates.POST_DEPLOY_PENDING, blocks)
    assert ("leaves 17.10, a required stop" in found.message) is (version == "17.11.0-ee.0")


def test_a_host_left_behind_blocks_a_deploy_that_begins_with_post_deploy_migrations(environment: Environment) -> None:
    first = environment.model_copy(update={"post_deploy": "next_deploy"})
    record = fold(
        LeftBehind(host="web-01", reason="down"),
        MigrationsPending(version="17.0.0-ee.0", names=("1 a",)),
        record=adopted(),
    )
    assert blocking(record_findings(record, first, NEW, LATER)) == [gates.LEFT_BEHIND]


def test_the_lease_is_left_to_the_step_that_takes_it(environment: Environment) -> None:
    record = fold(opened(1, NEW), record=adopted())
    assert opening_findings(record, environment, NEW, LATER) == ()


def test_every_refusal_says_what_blocks_since_when_who_and_what_lifts_it(environment: Environment) -> None:
    record = fold(
        HoldSet(reason="maintenance"),
        opened(1, NEW),
        ("lab-1", TaskFailed(task="main.web", seconds=1, error="x")),
        record=adopted(),
    )
    for finding in record_findings(record, environment, NEW, LATER):
        sentence = finding.sentence()
        assert "since 2026-11-24 12:" in sentence
        assert "by maria" in sentence
        assert "`takeoff " in sentence


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (deployed([NEW]), []),
        (Record(), [gates.AUTHORITY]),
        (deployed([NEW, "17.2.0-ee.0"]), ["superseded"]),
        (fold(HoldSet(reason="incident"), record=deployed([NEW])), [gates.PAUSED]),
        (fold(LeftBehind(host="web-01", reason="down"), record=deployed([NEW])), [gates.LEFT_BEHIND]),
        (fold(VersionRejected(version=NEW, reason="500s"), record=deployed([NEW])), [gates.REJECTED]),
    ],
    ids=[
        "nothing",
        "never adopted",
        "a newer deploy",
        "paused: a rollback may follow",
        "a host left behind",
        "rejected",
    ],
)
def test_post_deploy_migrations_are_blocked_by(record: Record, expected: list[str], environment: Environment) -> None:
    assert blocking(post_deploy_findings(record, environment, NEW, LATER)) == expected


def test_a_gate_is_passed_with_a_reason_and_says_so() -> None:
    found = with_skips([Finding(gate=gates.PAUSED, message="paused")], {gates.PAUSED: "hotfix"})
    assert found[0].weight is Weight.SKIPPED
    assert "(passed: hotfix)" in found[0].sentence()
    refuse(found, "deploy")


@pytest.mark.parametrize("gate", sorted(gates.NEVER_SKIPPED))
def test_no_reason_passes(gate: str) -> None:
    found = with_skips([Finding(gate=gate, message="no")], {gate: "please"})
    assert found[0].weight is Weight.BLOCKS
    with pytest.raises(ConfigError, match="can never be passed"):
        check_skips({gate: "please"})


@pytest.mark.parametrize(
    ("skips", "said"),
    [({"pausd": "x"}, "there is no gate 'pausd'"), ({"paused": "  "}, "needs a reason")],
    ids=["unknown gate", "no reason"],
)
def test_a_skip_that_means_nothing_is_refused(skips: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_skips(skips)


def test_a_fault_names_the_refusal_before_a_gate_that_only_asks_to_wait() -> None:
    found = [Finding(gate=gates.PAUSED, message="paused"), Finding(gate=gates.HOSTS, message="down", host="web-01")]
    with pytest.raises(Refused) as refused:
        refuse(found, "deploy 1 to lab")
    assert refused.value.name == gates.HOSTS
    assert "paused" in str(refused.value)
    assert "web-01: down" in str(refused.value)
