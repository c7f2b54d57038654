"""A message that nobody asked for: where it stands among the others, and what is kept so that it finds its place."""

from __future__ import annotations

from dataclasses import dataclass

from takeoff.core.chat_reply import Reply
from takeoff.core.operation import Stored


@dataclass(frozen=True)
class Notice:
    """One message to an environment's channel.

    Attributes:
        reply: its text, and the button if it asks something.
        thread: what it belongs to: ``<dag id>/<run id>``, or the id of an operation of the command line; empty for
            the channel itself.
        aloud: shown in the channel as well where its thread has begun already.
        progress_of: id of the operation whose progress this message tells: it is edited in place from then on.
        is_question: it asks for an approval: it is edited once that is answered.
    """

    reply: Reply
    thread: str = ""
    aloud: bool = False
    progress_of: str = ""
    is_question: bool = False


class Posted(Stored):
    """Where a message stands, as Slack names it.

    Attributes:
        channel: id of the channel.
        ts: id of the message in it.
        text: what it says, to see whether there is something to edit.
    """

    channel: str
    ts: str
    text: str = ""


class Told(Stored):
    """What a channel has been told of an environment.

    Attributes:
        seq: the journal's last entry of which it was told.
        threads: run or operation → the message that its thread hangs from; the newest last.
        progress: operation → the message that tells its progress.
        questions: run → the message that asks for its approval.
        failure: the last failure of an automatic run that was told, until an operation opens.
    """

    seq: int = 0
    threads: dict[str, Posted] = {}
    progress: dict[str, Posted] = {}
    questions: dict[str, Posted] = {}
    failure: str = ""

    def thread_of(self, notice: Notice) -> Posted | None:
        """Find the message that a notice is an answer to; ``None`` if it begins its thread, or has none."""
        return self.threads.get(notice.thread) if notice.thread else None

    def with_posted(self, notice: Notice, posted: Posted) -> Told:
        """Remember a message that was sent."""
        changes: dict[str, dict[str, Posted]] = {}
        if notice.thread and notice.thread not in self.threads:
            changes["threads"] = _newest(self.threads | {notice.thread: posted})
        if notice.progress_of:
            changes["progress"] = _newest(self.progress | {notice.progress_of: posted})
        if notice.is_question:
            changes["questions"] = _newest(self.questions | {notice.thread: posted})
        return self.model_copy(update=changes)


KEPT = 20
"""Threads that are remembered; older ones begin anew if something is still to be said in them."""


def _newest(posted: dict[str, Posted]) -> dict[str, Posted]:
    return dict(list(posted.items())[-KEPT:])
