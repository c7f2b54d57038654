"""What an environment's channel is told beside its journal: questions, answers, trouble with the package sources."""

from __future__ import annotations

from collections.abc import Sequence

from takeoff.core.chat_reply import Question, Reply
from takeoff.core.errors import TakeoffError
from takeoff.core.notice import Notice

NAMED_MIGRATIONS = 10
"""Pending migrations that a message names; the rest is counted."""


def approval_notice(
    environment: str, version: str, names: Sequence[str], unreachable: Sequence[str], url: str, thread: str
) -> Notice:
    """Ask for the approval of post-deploy migrations; its button asks the presser again, with what will happen.

    Args:
        environment: its name.
        version: what the fleet runs.
        names: the pending migrations, oldest first.
        unreachable: versions that a rollback will no longer reach.
        url: where the question can be answered in Airflow.
        thread: of the run.
    """
    listed = [f"• `{name}`" for name in names[:NAMED_MIGRATIONS]]
    more = [f"and {len(names) - NAMED_MIGRATIONS} more"] if len(names) > NAMED_MIGRATIONS else []
    lost = ", ".join(f"`{one}`" for one in unreachable) or f"anything before `{version}`"
    reply = Reply(
        f":raised_hand: {environment}: post-deploy migrations of `{version}` wait for a yes",
        (f"A point of no return: a rollback will no longer reach {lost}.", *listed, *more),
        url,
        Question(f"post-deploy {environment}", "Approve …"),
    )
    return Notice(reply, thread, aloud=True, is_question=True)


def answered_notice(environment: str, told: str, url: str, thread: str) -> Notice:
    """Tell how the question was answered; the question itself is edited to say the same, without its button."""
    return Notice(Reply(f":ballot_box_with_check: {environment}: {told}", (), url), thread)


def unreachable_notice(environment: str, error: TakeoffError, url: str) -> Notice:
    """Tell that packages cannot be looked for; it is told once, not by every run that finds it so."""
    return Notice(
        Reply(
            f":satellite: {environment}: packages cannot be looked for",
            (str(error), "→ Nothing is deployed meanwhile. This is told again once it is over."),
            url,
            good=False,
        )
    )


def answering_again_notice(environment: str, since: str, url: str) -> Notice:
    """Tell that packages can be looked for again."""
    told = f"packages can be looked for again; that was not possible since {since}"
    return Notice(Reply(f":white_check_mark: {environment}: {told}", (), url))
