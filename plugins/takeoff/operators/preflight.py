"""The look at every gate and every host before a deploy changes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from takeoff.operators.airflow_rest import note_run
from takeoff.operators.airflow_run import AirflowRun, chosen_version
from takeoff.operators.engine_operator import EngineOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.engine.session import Session


class PreflightOperator(EngineOperator):
    """Tells all findings at once. What only asks to wait ends an automatic run quietly, and fails a person's."""

    def execute(self, context: Context) -> None:
        """Look, and raise what forbids the deploy."""
        run, version = AirflowRun.of(context), chosen_version(context)

        async def look(session: Session) -> str:
            from takeoff.engine.preflight import preflight

            found = await preflight(session, run.request(version))
            for finding in found.findings:
                self.log.info("%s: %s", finding.weight.value, finding.sentence())
            self.log.info("%d hosts looked at, %d findings forbid %s", found.hosts, len(found.blockers), version)
            if run.automatic and found.only_waits:
                return "; ".join(finding.sentence() for finding in found.blockers)
            found.refuse()
            return ""

        if waits_for := self.in_session(run, look):
            end_quietly(run, waits_for)


def end_quietly(run: AirflowRun, reason: str) -> None:
    """End an automatic run that has to wait: all its later tasks are skipped, the run counts as successful.

    Raises:
        AirflowSkipException: always.
    """
    note_run(run, f"Nothing was deployed: {reason}")
    raise AirflowSkipException(f"Nothing was deployed: {reason}")
