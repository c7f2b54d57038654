"""Trouble that lasts over many automatic runs: told when it begins and when it ends, not every hour in between."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowFailException

from takeoff.core.dag_names import trouble_variable
from takeoff.core.errors import SourceUnavailable, SourceUntrusted, TakeoffError
from takeoff.core.notification_text import answering_again_notice, unreachable_notice
from takeoff.environment_files import load_environment
from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.notify import notify, notify_failure
from takeoff.operators.retry import RETRIED

log = logging.getLogger(__name__)


@contextmanager
def told_on_change(environment: str, run: AirflowRun) -> Iterator[None]:
    """Tell an error like :func:`~takeoff.operators.plain_errors.plain_errors`, but in chat only when it begins.

    The end is told by the first run that meets none. A run that a person started tells its error to everybody.

    Args:
        environment: its name.
        run: whose task this is.

    Raises:
        AirflowFailException: the error's sentence; no further try.
        HostUnreachable, SourceUnavailable: as they are; the retry policy decides.
    """
    try:
        yield
    except TakeoffError as error:
        retried = isinstance(error, RETRIED)
        again = " (it is tried again by itself)" if retried and not run.last_try else ""
        log.error("%s%s", error, again)
        note_run(run, f"{run.task_id}: {error}{again}")
        if not again and (_begin(environment, str(error)) or not run.automatic):
            _tell(environment, run, error)
        if retried:
            raise error.with_traceback(None) from None
        raise AirflowFailException(str(error)) from None
    if since := _end(environment):
        log.info("What was wrong since %s is over", since)
        notify(load_environment(environment).environment, answering_again_notice(environment, since, run.url))


def _tell(environment: str, run: AirflowRun, error: TakeoffError) -> None:
    if isinstance(error, (SourceUnavailable, SourceUntrusted)):
        notify(load_environment(environment).environment, unreachable_notice(environment, error, run.url))
    else:
        notify_failure(environment, run, error)


def _begin(environment: str, error: str) -> bool:
    """Remember that something is wrong; false if it was already."""
    name = trouble_variable(environment)
    if Variable.get(name, default=""):
        return False
    text = json.dumps({"since": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "error": error})
    Variable.set(name, text, "Written by Takeoff while it cannot look for packages; read only.")
    return True


def _end(environment: str) -> str:
    """Forget what was wrong and return since when it was; empty if nothing was."""
    name = trouble_variable(environment)
    text = Variable.get(name, default="")
    if not text:
        return ""
    Variable.delete(name)
    try:
        return str(json.loads(text)["since"])
    except (ValueError, KeyError, TypeError):
        return "an unknown time"
