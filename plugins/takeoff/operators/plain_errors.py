"""Errors of the engine, as an operator sees them in Airflow: one sentence in the log, on the run and in chat."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from airflow.sdk.exceptions import AirflowFailException

from takeoff.core.errors import Interrupted, TakeoffError
from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.retry import RETRIED

log = logging.getLogger(__name__)


@contextmanager
def plain_errors(environment: str, run: AirflowRun) -> Iterator[None]:
    """Tell an error where people look, and let Airflow try again only what passes by itself.

    Args:
        environment: its name.
        run: whose task this is.

    Raises:
        AirflowFailException: the error's sentence; no further try.
        HostUnreachable, Interrupted, SourceUnavailable: as they are; the retry policy decides.
    """
    try:
        yield
    except RETRIED as error:
        _tell(environment, run, error, final=run.last_try)
        raise error.with_traceback(None) from None
    except TakeoffError as error:
        _tell(environment, run, error, final=True)
        raise AirflowFailException(str(error)) from None


def _tell(environment: str, run: AirflowRun, error: TakeoffError, *, final: bool) -> None:
    # Whoever marked the task failed ended its process too, and then nothing is tried again.
    again = "" if final or isinstance(error, Interrupted) else " (it is tried again by itself)"
    log.error("%s%s", error, again)
    note_run(run, f"{run.task_id}: {error}{again}")
    if final:
        from takeoff.operators.notify import notify_failure

        notify_failure(environment, run, error)
