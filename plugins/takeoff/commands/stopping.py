"""Ctrl-C and SIGTERM: the first one asks for a quiet stop, the second one leaves everything as it is."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from takeoff.commands.arguments import asking_user
from takeoff.core.errors import TakeoffError
from takeoff.core.task_ids import TaskKind

if TYPE_CHECKING:
    from takeoff.commands.deploy_progress import DeployProgress
    from takeoff.engine.session import Session
    from takeoff.engine.stopping import Stop

Done = TypeVar("Done")

SPELLED = {signal.SIGINT: ("Ctrl-C", "press Ctrl-C again"), signal.SIGTERM: ("SIGTERM", "send it again")}
"""Signal → what it is called, and how it is given once more."""

ENDS_BY_ITSELF = (TaskKind.ROLLOUT, TaskKind.FINISH)
"""Tasks that come to a quiet end soon; every other is left as it is, because nothing of it is out of service."""


class Left(TakeoffError):
    """Whoever runs the command left it in the middle: what runs on hosts runs on. Exit status 1."""


def run_stoppable(
    env: str, work: Callable[[Session], Awaitable[Done]], progress: DeployProgress, *, again: str
) -> Done:
    """Do a command's work in a session; a signal stops it quietly, another one at once.

    Args:
        env: as a person typed it.
        work: gets the session.
        progress: where the operator watches, and what says which hosts are in flight.
        again: the command that goes on with it.

    Raises:
        Halted: a signal stopped it; journalled, and the operation keeps its lease.
        Left: a signal left it as it was.
        TakeoffError: whatever the work raises.
    """
    from takeoff.engine.session import open_session
    from takeoff.engine.shell_credentials import ShellCredentials
    from takeoff.engine.stopping import Stop
    from takeoff.environment_files import load_environment

    stop = Stop()

    async def main() -> Done:
        with _signals_heard(stop, progress, again):
            async with open_session(load_environment(env), ShellCredentials(), progress, stop) as session:
                return await work(session)

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise Left(_left(progress, again)) from None


@contextmanager
def _signals_heard(stop: Stop, progress: DeployProgress, again: str) -> Iterator[None]:
    """Hear both signals; afterwards they do again what they always do."""
    loop, working = asyncio.get_running_loop(), asyncio.current_task()

    def leave() -> None:
        if working is not None:
            working.cancel()

    def hear(number: signal.Signals) -> None:
        if stop.halt is not None:
            if stop.at_once:
                raise KeyboardInterrupt
            stop.at_once = True
            leave()
            return
        name, once_more = SPELLED[number]
        stop.ask(asking_user(), name)
        progress.tell(_answer(progress, once_more, again))
        if progress.task is None or progress.task.kind not in ENDS_BY_ITSELF:
            leave()

    for number in SPELLED:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in SPELLED:
            loop.remove_signal_handler(number)


def _answer(progress: DeployProgress, once_more: str, again: str) -> str:
    """Say at once what becomes of what runs."""
    task, hosts = progress.task, ", ".join(progress.in_flight)
    match task.kind if task is not None else None:
        case TaskKind.ROLLOUT if hosts:
            return f"finishing {hosts}; {once_more} to leave them as they are: the host jobs go on and a rerun attaches"
        case TaskKind.ROLLOUT:
            return f"stopping before the next host; {once_more} to leave at once"
        case TaskKind.FINISH:
            return f"finish is all that is left and ends in a moment; {once_more} to leave at once"
        case _ if hosts:
            where = f"what was begun goes on on {hosts}"
        case TaskKind.QA | TaskKind.ALERTS:
            where = "no host is in flight"
        case _:
            where = "what was begun on a host goes on there"
    return f"leaving{f' {task.id}' if task else ''}: {where}; `{again}` attaches to it"


def _left(progress: DeployProgress, again: str) -> str:
    """Say what was left, once nothing is done any more."""
    hosts, task = ", ".join(progress.in_flight), progress.task
    if task is not None and task.kind is TaskKind.ROLLOUT and hosts:
        return (
            f"left in the middle of {task.id}: the jobs on {hosts} go on, and these hosts stay out of service until "
            f"`{again}` finishes them"
        )
    return f"interrupted: what runs on hosts runs on; `{again}` goes on with it"
