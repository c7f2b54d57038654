"""Who may do what from chat: the environment file's rights, and the polite refusal for everybody else."""

from __future__ import annotations

from typing import NamedTuple

from takeoff.core.chat_command import ChatCommand
from takeoff.core.people_settings import ChatRights, Right


class Asker(NamedTuple):
    """Who typed a command.

    Attributes:
        ids: all that a right can name: ``slack:U012AB3CD``, ``slack-group:S0604QSJC``, ``mattermost:<user name>``.
        name: how the journal and people call them: ``slack:jane (U012AB3CD)``.
        trusted: they hold Airflow's own login, which may do everything; the file's rights are about chat.
    """

    ids: frozenset[str]
    name: str
    trusted: bool = False


def missing_right(rights: ChatRights, asker: Asker, command: ChatCommand) -> Right | None:
    """Name the first right that a command needs and its asker does not have."""
    if asker.trusted:
        return None
    for right in command.needs:
        if not asker.ids & set(rights.rights.get(right, ())):
            return right
    return None


def refusal_text(rights: ChatRights, environment: str, right: Right) -> str:
    """Say politely what is missing, and who gives it."""
    holders = rights.rights.get(right, ())
    who = f"those who have it: {', '.join(holders)}" if holders else "nobody has it"
    return (
        f"Sorry, that needs the right `{right}` for {environment}, which you do not have ({who}). It is given in "
        f"`chat.rights` of {environment}'s environment file."
    )
