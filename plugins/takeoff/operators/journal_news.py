"""The environment's channel is told what has come into the journal, whoever wrote it: a task, or a command."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from takeoff.core.journal_entries import Entry, OperationOpened
from takeoff.core.operation_notices import journal_notices, progress_notice
from takeoff.operators.notify import edit_progress, keep_told, notify, read_told

if TYPE_CHECKING:
    from takeoff.core.environment import Environment
    from takeoff.core.record import Record
    from takeoff.engine.session import Session

LOOK_S = 1.0
"""Seconds between two looks whether the journal has moved."""

NEWS_FOR = timedelta(hours=1)
"""Age from which on an entry is no news for a channel that was never told anything."""

log = logging.getLogger(__name__)


@asynccontextmanager
async def news_told(session: Session) -> AsyncIterator[None]:
    """Tell while the work inside goes on, and once more at its end; Slack's slowness holds up only that end."""
    if session.environment.notifications.slack is None:
        yield
        return
    over = asyncio.Event()
    telling = asyncio.create_task(_keep_telling(session, over))
    try:
        yield
    finally:
        over.set()
        await telling


async def _keep_telling(session: Session, over: asyncio.Event) -> None:
    told = session.journal.known.seq
    while not over.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), LOOK_S)
        if session.journal.known.seq != told:
            told = session.journal.known.seq
            await asyncio.to_thread(
                tell_news, session.environment, session.journal.known, session.journal.known_entries
            )


def tell_news(environment: Environment, record: Record, entries: tuple[Entry, ...]) -> None:
    """Tell what is new in the journal, and bring the open operation's message up to date; nothing of it raises.

    What was told is remembered before it is sent: what Slack does not take is lost, and never told twice.

    Args:
        environment: whose journal it is.
        record: the fold of the entries.
        entries: all of it, oldest first.
    """
    try:
        told = read_told(environment.name)
        since = datetime.now(UTC) - NEWS_FOR
        news = [entry for entry in entries if entry.seq > told.seq and (told.seq or entry.at > since)]
        if record.seq > told.seq:
            opened = any(isinstance(entry.body, OperationOpened) for entry in news)
            failure = "" if opened else told.failure
            keep_told(environment.name, told.model_copy(update={"seq": record.seq, "failure": failure}))
        notify(environment, *journal_notices(news, record, environment, entries))
        moved = {entry.operation for entry in news}
        moved |= {entry.body.takes_over for entry in news if isinstance(entry.body, OperationOpened)}
        for operation in moved & record.operations.keys():
            notice = progress_notice(record.operations[operation], record, environment)
            edit_progress(environment, operation, notice.reply)
    except Exception as error:
        log.warning("Slack was not told what is new in the journal, the task goes on: %s", error)
