"""A procedure as Airflow's tasks: one after the other, those of a stage or of a part of it in a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from itertools import groupby
from typing import Any

from airflow.sdk import TaskGroup, chain

from takeoff.core.task_ids import TaskKind, TaskSpec

MakeTask = Callable[..., Any]
"""An operator's class; it is given ``environment``, ``spec`` and ``doc_md``."""


def chain_tasks(
    environment: str,
    specs: Iterable[TaskSpec],
    operators: Mapping[TaskKind, MakeTask],
    runbook: Callable[[TaskSpec, str], str],
) -> None:
    """Make the tasks of the DAG that is being built, in the order of the procedure.

    Args:
        environment: its name.
        specs: the procedure.
        operators: what each kind of task is carried out by.
        runbook: task and environment → what the task's page in Airflow says.
    """
    steps = []
    for group, tasks in groupby(specs, key=lambda spec: spec.id.rpartition(".")[0]):
        with TaskGroup(group) if group else nullcontext():
            steps += [
                operators[spec.kind](environment=environment, spec=spec, doc_md=runbook(spec, environment))
                for spec in tasks
            ]
    chain(*steps)
