"""Waits for a package to deploy; while it waits after an event, it takes no worker and no slot."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from takeoff.core.strict_model import format_duration
from takeoff.environment_files import load_environment
from takeoff.operators.airflow_run import AirflowRun
from takeoff.operators.engine_operator import EngineOperator
from takeoff.operators.environment_session import work_in_session
from takeoff.operators.preflight import end_quietly
from takeoff.triggers.new_package import NewPackageTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.new_package import NewPackage
    from takeoff.engine.session import Session

EVENT = "asset_triggered"
"""Type of the runs that an event started: the package is built, but perhaps not in the index yet."""

TRIGGERER_LATE = timedelta(minutes=10)
"""Time after the end of the wait at which a triggerer that says nothing must be dead."""


class NewPackageSensor(EngineOperator):
    """Returns the version to deploy, or skips all that follows.

    Once the run has an operation, that operation's version; else the version that a person named, completed; else the
    newest that qualifies. A run that an event started waits for one, at most ``package.index_wait``.
    """

    def execute(self, context: Context) -> str:
        """Look once."""
        run = AirflowRun.of(context)
        found = self._look(context, run)
        if found.version or found.reason or _run_type(context) != EVENT:
            return self._conclude(run, found)
        wait = load_environment(self.environment).environment.package.index_wait
        self.log.info(
            "An event started this run and its package is not in the index yet: waiting for it up to %s",
            format_duration(wait),
        )
        self.defer(
            trigger=NewPackageTrigger(
                environment=self.environment, run=run.name, until=time.time() + wait.total_seconds()
            ),
            method_name="waited",
            timeout=wait + TRIGGERER_LATE,
        )
        raise AssertionError("defer() does not return")

    def waited(self, context: Context, event: Any) -> str:
        """Look again: what the trigger saw may be old by now."""
        self.log.info("Waiting is over: %s", event or "the time is up")
        run = AirflowRun.of(context)
        return self._conclude(run, self._look(context, run))

    def _look(self, context: Context, run: AirflowRun) -> NewPackage:
        from takeoff.engine.new_package import Wanted, choose_package
        from takeoff.operators.lasting_trouble import told_on_change

        wanted = Wanted(run.name, str(context["params"].get("version") or ""), run.automatic)

        async def choose(session: Session) -> NewPackage:
            return await choose_package(session, wanted)

        with told_on_change(self.environment, run):
            found = asyncio.run(work_in_session(self.environment, self.log, choose))
        for line in found.report.lines() if found.report else ():
            self.log.info("%s", line)
        return found

    def _conclude(self, run: AirflowRun, found: NewPackage) -> str:
        if found.version:
            self.log.info("To deploy: %s", found.version)
            return found.version
        if found.reason:
            end_quietly(run, found.reason)
        told = f"no version of {found.report.package} qualifies" if found.report else "nothing to deploy"
        if not run.automatic:
            end_quietly(run, told)
        raise AirflowSkipException(f"Nothing to deploy: {told}")


def _run_type(context: Context) -> str:
    kind = context["dag_run"].run_type
    return str(getattr(kind, "value", kind))
