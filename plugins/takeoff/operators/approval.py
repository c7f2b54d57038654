"""The question whether post-deploy migrations may run: it waits in Airflow for a person, without worker or slot."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from takeoff.core.approval_text import COMMENT, REQUESTED_BY, answer_text, approval_body, approval_subject
from takeoff.core.errors import Refused, Superseded, TakeoffError
from takeoff.core.strict_model import format_duration
from takeoff.core.task_ids import APPROVE, post_deploy_tasks
from takeoff.operators.airflow_rest import connected_airflow_api, note_run
from takeoff.operators.airflow_run import AirflowRun, opened_operation
from takeoff.operators.environment_session import in_session, work_in_session
from takeoff.operators.retry import RETRIES, RETRY_DELAY, RETRY_POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context

    from takeoff.core.environment import Environment
    from takeoff.core.task_ids import TaskSpec
    from takeoff.engine.post_deploy import PostDeployOutlook
    from takeoff.engine.session import Session

OVER = ("success", "failed", "skipped", "upstream_failed")
"""States of a task that does not run again unless it is cleared."""


class PostDeployApproval(ApprovalOperator):
    """Names what will run and what a rollback will no longer reach. Cleared, it asks again.

    Args:
        environment: name of the environment; until when and by whom the question may be answered stands in its file.
        spec: which task of the procedure it is.
        options: more for Airflow's operators.
    """

    def __init__(self, *, environment: str, spec: TaskSpec, **options: Any) -> None:
        options |= {
            "task_id": spec.id.rpartition(".")[2],
            # For a journal that cannot be read now, and for an answer that came so fast after the question that
            # Airflow lost it (github.com/apache/airflow/issues/72716): it is asked again.
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_policy": RETRY_POLICY,
            "params": {
                # The form has its buttons only once every field is filled in whose type is not also null.
                COMMENT: Param(None, type=["null", "string"], description="Kept in the journal.", source="task"),
                REQUESTED_BY: Param(
                    None,
                    type=["null", "string"],
                    description="For a service that answers for somebody: for whom.",
                    source="task",
                ),
            },
        }
        super().__init__(subject=f"Run post-deploy migrations on {environment}?", defaults=self.REJECT, **options)
        self.environment = environment
        self.spec = spec

    def execute(self, context: Context) -> None:
        """Ask, unless there is nothing to ask about."""
        from takeoff.core.notification_text import approval_notice
        from takeoff.operators.notify import notify

        run, operation_id = AirflowRun.of(context), opened_operation(context)

        async def look(session: Session) -> tuple[Environment, PostDeployOutlook]:
            from takeoff.engine.post_deploy import outlook_of

            record = await session.journal.read()
            asked, outlook = record.operations[operation_id].details, outlook_of(record)
            if outlook.version != asked.version:
                raise Superseded(
                    f"{self.environment} runs {outlook.version} by now, and this run deployed {asked.version}: nothing "
                    "is asked here any more; what is pending is asked by the run of the newest deploy"
                )
            return session.environment, outlook

        found, outlook = in_session(self.environment, run, self.log, look)
        if not outlook.names:
            left = f" {outlook.operation} is open still: clear what failed in it." if outlook.operation else ""
            raise AirflowSkipException(
                f"No post-deploy migrations of {outlook.version} are pending: nothing to ask.{left}"
            )
        self.response_timeout = found.approval.expires
        self.subject = approval_subject(found.name, found.package.name, outlook.version, len(outlook.names))
        expires = format_duration(found.approval.expires)
        self.body = approval_body(outlook.version, outlook.names, outlook.unreachable_after, expires)
        self._reopen(run, [task.id for task in post_deploy_tasks(found)])
        self._assign(found.approval.approvers)
        self.log.info("%s\n%s", self.subject, self.body)
        notify(
            found,
            approval_notice(found.name, outlook.version, outlook.names, outlook.unreachable_after, run.url, run.name),
        )
        super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Journal the answer, and let the migrations run or be skipped by it."""
        from takeoff.core.notification_text import answered_notice
        from takeoff.operators.notify import settle_question

        run = AirflowRun.of(context)
        by = answered_by(event)
        comment = str((event.get("params_input") or {}).get(COMMENT) or "")
        told = answer_text(event["chosen_options"][0], by, comment, expired=bool(event.get("timedout")))
        self.log.info("%s", told)
        note_run(run, told)

        async def keep(session: Session) -> Environment:
            from takeoff.core.journal_entries import Noted
            from takeoff.engine.journal_entry import decide

            await decide(session, lambda record: [Noted(text=f"{run.name}: {told}")], by=by or "airflow")
            return session.environment

        try:
            found = asyncio.run(work_in_session(self.environment, self.log, keep))
            settle_question(found, answered_notice(found.name, told, run.url, run.name))
        except TakeoffError as error:
            # The answer counts all the same, and the migrations journal who allowed them.
            self.log.warning("The answer could not be written into the journal: %s", error)
        return super().execute_complete(context, event)

    def _assign(self, approvers: Sequence[str]) -> None:
        """Let the approvers answer, and Takeoff itself for them when a newer deploy supersedes the question."""
        if not approvers:
            return
        users = list(approvers)
        try:
            users.append(connected_airflow_api().login)
        except TakeoffError as error:
            self.log.warning("A newer deploy will not be able to withdraw this question: %s", error)
        self.assigned_users = [{"id": user, "name": user} for user in users]

    def _reopen(self, run: AirflowRun, tasks: Sequence[str]) -> None:
        """Clear the tasks that an earlier answer has skipped: Airflow would not run them for a new one."""
        try:
            api = connected_airflow_api()
            states = api.task_states(run.dag_id, run.run_id)
            if over := [task for task in tasks if states.get(task) in OVER]:
                api.clear_tasks(run.dag_id, run.run_id, over)
        except TakeoffError as error:
            self.log.warning("If %s stay as they are after the answer, clear them too: %s", ", ".join(tasks), error)


def responder(user: Any) -> str:
    """Name who answered, from what the provider hands on; empty if nobody did."""
    if not user:
        return ""
    found = user if isinstance(user, Mapping) else {"name": getattr(user, "name", ""), "id": getattr(user, "id", "")}
    return str(found.get("name") or found.get("id") or "")


def answered_by(answer: Mapping[str, Any]) -> str:
    """Name who answered; where a service did so for a person in chat, both. Empty if nobody did."""
    account = responder(answer.get("responded_by_user"))
    asked = str((answer.get("params_input") or {}).get(REQUESTED_BY) or "")
    return f"{asked} through {account}" if asked and account else account


def approver(context: Context) -> str:
    """Name who has said yes in this run.

    Raises:
        Refused: nobody has.
    """
    answer = context["ti"].xcom_pull(task_ids=APPROVE)
    if not isinstance(answer, Mapping) or answer.get("chosen_options") != [ApprovalOperator.APPROVE]:
        raise Refused("approval", f"nobody has approved these migrations: clear {APPROVE} and answer it")
    return answered_by(answer) or "airflow"
