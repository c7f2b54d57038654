"""Migrations on the blessed node: no worker and no slot is taken while they run, however long that is."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, NoReturn

from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.engine_operator import EngineOperator
from takeoff.triggers.migrations import MigrationsTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session
    from takeoff.engine.task_result import TaskResult
    from takeoff.fleet.host_jobs import JobGoesOn

STAY_S = 30.0
"""Seconds for which a worker stays with migrations: most are over by then, and deferring costs as long."""


class MigratingOperator(EngineOperator):
    """A task that migrates: begins, defers while the migrations run, and judges them when they have ended.

    A retry, and a task that was cleared, attaches to what runs; the host never begins a second one beside it.
    """

    def execute(self, context: Context) -> str | None:
        """Begin, or find what was begun; return the operation's id where the task opened one of its own."""
        from takeoff.fleet.host_jobs import JobGoesOn

        run = AirflowRun.of(context)

        async def work(session: Session) -> TaskResult | JobGoesOn:
            try:
                return await self.migrate(session, context, run)
            except JobGoesOn as goes_on:
                return goes_on

        found = self.in_session(run, work)
        if isinstance(found, JobGoesOn):
            self._wait(found)
        self.log.info("%s", found.summary)
        return found.operation or None

    def ended(self, context: Context, event: Any) -> str | None:
        """Look whether they have ended, and how; wait again if they have not."""
        return self.execute(context)

    @abstractmethod
    async def migrate(self, session: Session, context: Context, run: AirflowRun) -> TaskResult:
        """Migrate, and stay for it no longer than ``STAY_S``."""

    def _wait(self, found: JobGoesOn) -> NoReturn:
        from dataclasses import asdict

        self.log.info("The migrations run on; what they say follows here, and no worker waits for it")
        until = time.time() + found.left_s
        self.defer(
            trigger=MigrationsTrigger(environment=self.environment, until=until, **asdict(found.place)),
            method_name="ended",
        )


class MigrationsOperator(MigratingOperator):
    """Migrates as a task of the run's operation."""

    async def migrate(self, session: Session, context: Context, run: AirflowRun) -> TaskResult:
        """Carry the task out."""
        from takeoff.engine.tasks import run_task

        return await run_task(session, opened_operation(context), self.spec, self.driver(run), stay_s=STAY_S)
