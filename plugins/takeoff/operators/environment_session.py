"""The way from an Airflow task into the engine and back: a session around the work, plain errors out of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from takeoff.environment_files import load_environment
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.plain_errors import plain_errors

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from takeoff.engine.session import Session
    from takeoff.engine.stopping import Stop

Done = TypeVar("Done")


def in_session(
    environment: str,
    run: AirflowRun,
    log: Logger,
    work: Callable[[Session], Awaitable[Done]],
    stop: Stop | None = None,
) -> Done:
    """Open the environment, do the work, and mirror what the journal then says.

    Args:
        environment: its name; the file is read again.
        run: whose task this is.
        log: where hosts' progress is told.
        work: what to do.
        stop: where Airflow asks the work to end; it cannot if None.

    Raises:
        AirflowFailException: the work's error, as one sentence; no further try.
        HostUnreachable, Interrupted, SourceUnavailable: the work's error as it is; the retry policy decides.
    """
    with plain_errors(environment, run):
        return asyncio.run(work_in_session(environment, log, work, stop))
    raise AssertionError("an error does not pass")  # For mypy, which cannot see that plain_errors swallows none.


async def work_in_session(
    environment: str, log: Logger, work: Callable[[Session], Awaitable[Done]], stop: Stop | None = None
) -> Done:
    """The same with the engine's errors as they are: nobody is told of them.

    Raises:
        TakeoffError: what the work raised, or why the environment could not be opened.
    """
    # What only a task needs is loaded here and not where DAG files are read.
    from takeoff.engine.session import open_session
    from takeoff.operators.credentials import AirflowCredentials
    from takeoff.operators.host_steps import HostSteps
    from takeoff.operators.journal_news import news_told
    from takeoff.operators.log_progress import LogProgress
    from takeoff.operators.mirrored_state import mirrored
    from takeoff.operators.seen_packages import packages_mirrored

    # asyncssh tells each step of each connection at level INFO: nobody would find the task's own lines among them.
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    loaded = load_environment(environment)
    steps = HostSteps(LogProgress(log))
    async with (
        open_session(loaded, AirflowCredentials(), steps, stop) as session,
        mirrored(session, steps),
        news_told(session),
        packages_mirrored(session),
    ):
        return await work(session)
