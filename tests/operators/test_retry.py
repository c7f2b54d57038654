"""Which errors Airflow tries again by itself."""

import pytest
from airflow.sdk import RetryAction

from takeoff.core import errors
from takeoff.operators.retry import RETRIED, RETRY_POLICY

PASSING = [
    errors.HostUnreachable("web-01", "no route"),
    errors.HostUnfenced("web-01", "rebuilt"),
    errors.SourceUnavailable("GitLab", "no answer"),
    errors.Interrupted("the worker ends"),
]
LASTING = [
    errors.ConfigError("gstg.yml:3: no"),
    errors.VersionError("no"),
    errors.HostKeyRejected("web-01", "changed"),
    errors.HostLoginRejected("web-01", "no"),
    errors.CommandFailed("web-01", "apt-get", 100, "no"),
    errors.MigrationFailed("deploy-01", "gitlab-rake", 1, "no"),
    errors.JobLost("web-01", "install", "rebooted"),
    errors.CheckFailed("no"),
    errors.FloorReached("no"),
    errors.Halted("no"),
    errors.BudgetSpent("no"),
    errors.Refused("freeze", "no"),
    errors.LeaseHeld("gstg-7", "no"),
    errors.Superseded("no"),
    errors.AuthorityDoubtful("no"),
    errors.SourceUntrusted("apt", "no"),
    RuntimeError("a mistake in Takeoff itself"),
]


def decide(error: Exception):
    return RETRY_POLICY.evaluate(error, try_number=1, max_tries=3)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_what_passes_by_itself_is_tried_again_soon(error):
    decision = decide(error)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay.total_seconds() <= 60
    assert isinstance(error, RETRIED)


@pytest.mark.parametrize("error", LASTING, ids=lambda error: type(error).__name__)
def test_what_needs_a_person_is_not_tried_again(error):
    assert decide(error).action is RetryAction.FAIL
    assert not isinstance(error, RETRIED)


def test_every_error_of_ours_is_decided_about():
    decided = {type(error) for error in (*PASSING, *LASTING)}
    bases = {errors.TakeoffError, errors.HostError}
    ours = {one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.TakeoffError)}
    assert ours - bases == decided & ours


def test_the_policy_survives_the_dags_serialization():
    again = type(RETRY_POLICY).deserialize(RETRY_POLICY.serialize())
    assert [rule.exception_path for rule in again.rules] == [rule.exception_path for rule in RETRY_POLICY.rules]
