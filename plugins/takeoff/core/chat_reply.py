"""What chat is answered, before it is written the way one chat server wants it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from takeoff.core.chat_command import ChatCommand


@dataclass(frozen=True)
class Question:
    """A yes that is needed before something is done that cannot be undone.

    Attributes:
        command: the command with the code that says yes to exactly this; a button carries it, a person types it.
        button: what the button says.
    """

    command: str
    button: str


@dataclass(frozen=True)
class Reply:
    """One answer; its texts are plain, with backquotes around what is typed or named.

    Attributes:
        title: the one line that counts most.
        lines: the rest, one each.
        link: where to look at it; empty if nowhere.
        question: what must be confirmed, if anything.
        good: whether it did what was asked; a question, a mistake, a refusal and a failure do not.
        public: whether the whole channel shall see it, because it changes the environment.
    """

    title: str
    lines: tuple[str, ...] = ()
    link: str = ""
    question: Question | None = None
    public: bool = False
    good: bool = True

    @property
    def text(self) -> str:
        """All of it as plain lines."""
        asked = (f"To go on, type: {self.question.command}",) if self.question else ()
        return "\n".join((self.title, *self.lines, *((self.link,) if self.link else ()), *asked))


def question_about(command: ChatCommand, asker: str, effects: tuple[str, ...]) -> Reply:
    """Ask for a yes to a command.

    The code in it is of asker, command and effects: once the effects are others, an old yes is none.

    Args:
        command: what is wanted.
        asker: who wants it.
        effects: what will happen, one line each.
    """
    code = confirmation_code(command, asker, effects)
    button = {"post-deploy": "Run the migrations", "lease release": "Release the lease"}.get(
        command.verb.value, "Roll back"
    )
    plain = command.unconfirmed()
    return Reply(
        title=f"`{plain.text}` cannot be undone. This will happen:",
        lines=effects,
        question=Question(command=f"{plain.text} --confirm {code}", button=button),
        good=False,
    )


def confirmation_code(command: ChatCommand, asker: str, effects: tuple[str, ...]) -> str:
    """Make the code that says yes to a command with these effects, in six characters that can be typed."""
    told = "\n".join((asker, command.unconfirmed().text, *effects))
    return hashlib.sha256(told.encode()).hexdigest()[:6]
