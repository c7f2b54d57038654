"""The QA subset after a stage: a GitLab pipeline, found again by every further try, judged by its test report.

:func:`begin_qa` and :func:`settle_qa` are the two ends of a wait in which no process is needed; :func:`check_qa` is
both, with the wait between them.
"""

from __future__ import annotations

import asyncio

from takeoff.clients.gitlab import GitlabProject, Pipeline
from takeoff.clients.json_requests import NotThere
from takeoff.core.check_settings import QaSettings
from takeoff.core.environment import Environment
from takeoff.core.errors import CheckFailed, ConfigError, SourceUnavailable, TakeoffError
from takeoff.core.journal_entries import Noted, PipelineStarted
from takeoff.core.operation import Driver
from takeoff.core.qa_report import ENDED, FLAKY, judge_qa, may_run_again
from takeoff.core.strict_model import format_duration
from takeoff.core.task_ids import TaskSpec
from takeoff.engine.checks import Check, joined_check
from takeoff.engine.credentials import Credentials, endpoint_access
from takeoff.engine.session import Session
from takeoff.engine.task_result import TaskResult
from takeoff.engine.tasks import ended_well
from takeoff.fleet.protocols import Clock

PATIENCE_S = 300.0
"""Seconds without an answer of GitLab's after which waiting for a pipeline is given up."""


def qa_settings(environment: Environment) -> QaSettings:
    """The environment's QA settings.

    Raises:
        ConfigError: it has none (any more).
    """
    if environment.qa is None:
        raise ConfigError(f"environment {environment.name} has no `qa` any more: clear this run's tasks after it only")
    return environment.qa


def qa_project(environment: Environment, credentials: Credentials) -> GitlabProject:
    """Reach the project whose pipelines are the QA.

    Raises:
        ConfigError: no QA, or no connection.
    """
    settings = qa_settings(environment)
    access = endpoint_access(credentials, settings, "qa")
    return GitlabProject(access.base_url, settings.project, access.token, access.session)


async def look_at_qa(session: Session) -> None:
    """Look whether the project's pipelines can be seen: what cannot be judged in the end must not begin.

    Raises:
        SourceUnavailable: GitLab gives no answer.
        SourceUntrusted: its answer cannot be read.
        ConfigError: no QA, no connection, or GitLab refuses it.
    """
    project = qa_project(session.environment, session.credentials)
    await asyncio.to_thread(project.newest_pipeline, qa_settings(session.environment).ref)


async def begin_qa(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> Pipeline | TaskResult:
    """Start the check's pipeline, or find the one that an earlier try started; a result if the operation ended well.

    A pipeline that this operation has judged to have failed runs its failed jobs again; one that cannot be helped so
    (skipped, or passed without tests) is followed by a new one.

    Raises:
        Superseded: the operation is closed, or another driver has taken over.
        SourceUnavailable: GitLab gives no answer.
        SourceUntrusted: its answer cannot be read.
        ConfigError: GitLab refuses it, or a connection is missing.
    """
    if over := ended_well(await session.journal.read(), operation_id):
        return TaskResult(summary=over, journalled=True)
    async with joined_check(session, operation_id, task, driver, begin=True) as check:
        project = qa_project(session.environment, session.credentials)
        pipeline = await _found_again(project, check)
        if pipeline is None:
            settings = qa_settings(session.environment)
            pipeline = await asyncio.to_thread(project.start_pipeline, settings.ref, _variables(settings, check))
            await check.part.tell(PipelineStarted(task=task.id, pipeline=pipeline.id, url=pipeline.url))
        session.progress.line(f"QA pipeline {pipeline.id} is {pipeline.status}: {pipeline.url}")
        return pipeline


async def settle_qa(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> TaskResult | None:
    """Judge the check's pipeline, or let its failed jobs run again.

    Returns:
        What was found; None if jobs run again, so that there is more to wait for.

    Raises:
        CheckFailed: it has not passed, or not ended in time.
        Superseded: the operation is closed, or another driver has taken over.
        SourceUnavailable: GitLab gives no answer.
        SourceUntrusted: its answer cannot be read.
        ConfigError: GitLab refuses the request.
    """
    async with joined_check(session, operation_id, task, driver, begin=False) as check:
        settings = qa_settings(session.environment)
        project = qa_project(session.environment, session.credentials)
        pipeline = await asyncio.to_thread(project.pipeline, check.before.pipelines[task.id].pipeline)
        if pipeline.status not in ENDED:
            raise CheckFailed(
                f"QA has not passed: pipeline {pipeline.id} is still {pipeline.status!r} after "
                f"{format_duration(settings.timeout)} (qa.timeout); look at {pipeline.url}, then clear this task to "
                "wait for the same pipeline again"
            )
        evidence = await asyncio.to_thread(project.evidence, pipeline)
        verdict = judge_qa(evidence)
        if may_run_again(evidence, settings.retries):
            again = f"{verdict.sentence}; its failed jobs run again ({evidence.tries} of {settings.retries})"
            await check.part.tell(Noted(text=f"{task.id}: {again}"))
            session.progress.line(again)
            await asyncio.to_thread(project.run_failed_jobs_again, pipeline.id)
            return None
        if not verdict.passed:
            raise CheckFailed(f"{verdict.sentence}; repair what it found, then clear this task to run QA again")
        return await check.finish(verdict.sentence, **{FLAKY: list(evidence.flaky_jobs)})


async def check_qa(session: Session, operation_id: str, task: TaskSpec, driver: Driver) -> TaskResult:
    """Run the QA of a stage and wait for its verdict.

    Raises:
        CheckFailed, Superseded, SourceUnavailable, SourceUntrusted, ConfigError: as for :func:`settle_qa`.
    """
    settings = qa_settings(session.environment)
    pipeline = await begin_qa(session, operation_id, task, driver)
    if isinstance(pipeline, TaskResult):
        return pipeline
    project = qa_project(session.environment, session.credentials)
    poll_s, timeout_s = settings.poll.total_seconds(), settings.timeout.total_seconds()
    while True:
        await until_ended(project, pipeline.id, session.clock, poll_s=poll_s, timeout_s=timeout_s)
        if (result := await settle_qa(session, operation_id, task, driver)) is not None:
            return result


async def until_ended(
    project: GitlabProject, pipeline_id: int, clock: Clock, *, poll_s: float, timeout_s: float
) -> None:
    """Wait until it is worth a look: the pipeline moves no more, the time is over, or GitLab does not answer well.

    It judges nothing and raises nothing: :func:`settle_qa` looks itself.

    Args:
        project: whose it is.
        pipeline_id: which.
        clock: time.
        poll_s: seconds between two looks.
        timeout_s: seconds to wait at most.
    """
    begin = heard = clock.monotonic()
    while clock.monotonic() - begin < timeout_s:
        try:
            if (await asyncio.to_thread(project.pipeline, pipeline_id)).status in ENDED:
                return
            heard = clock.monotonic()
        except SourceUnavailable:
            if clock.monotonic() - heard > PATIENCE_S:
                return
        except TakeoffError:
            return
        await clock.sleep(max(0.0, min(poll_s, timeout_s - (clock.monotonic() - begin))))


async def _found_again(project: GitlabProject, check: Check) -> Pipeline | None:
    started = check.before.pipelines.get(check.task.id)
    if started is None:
        return None
    try:
        pipeline = await asyncio.to_thread(project.pipeline, started.pipeline)
    except NotThere:
        return None
    if not check.judged_before or pipeline.status not in ENDED or pipeline.status == "manual":
        return pipeline
    if pipeline.status in ("failed", "canceled"):
        return await asyncio.to_thread(project.run_failed_jobs_again, pipeline.id)
    return None


def _variables(settings: QaSettings, check: Check) -> dict[str, str]:
    operation = check.part.operation
    filled = {"{version}": operation.version, "{environment}": operation.environment, "{stage}": check.stage}
    values = dict(settings.variables)
    for placeholder, text in filled.items():
        values = {key: value.replace(placeholder, text) for key, value in values.items()}
    return values
