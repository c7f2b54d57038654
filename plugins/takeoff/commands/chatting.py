"""`takeoff chat "…"`: what can be typed in Slack and Mattermost, from a terminal, through the same Airflow."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from takeoff.commands.arguments import asking_user
from takeoff.commands.console import say

if TYPE_CHECKING:
    from takeoff.clients.airflow_api import AirflowApi
    from takeoff.core.chat_reply import Reply
    from takeoff.core.environment import Environment

FAILED = 1


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(context_settings={"ignore_unknown_options": True})(chat)


def chat(
    words: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="As it is typed in chat.")] = None,
) -> None:
    """Do through Airflow what chat does: `takeoff chat "deploy gstg 17.4.1"`; `takeoff chat help` lists it all."""
    from datetime import UTC, datetime

    from takeoff.core.chat_rights import Asker
    from takeoff.web.chat_conversation import Conversation
    from takeoff.web.chat_request import ChatRequest

    given = list(words or ())
    # Several words came through a shell that took their quotes.
    text = given[0] if len(given) == 1 else " ".join(f'"{word}"' if " " in word else word for word in given)
    conversation = Conversation(_environments, _airflow)
    asker = Asker(frozenset(), asking_user(), trusted=True)
    replies: list[Reply] = []

    def tell(reply: Reply) -> None:
        replies.append(reply)
        say("\n".join((reply.title, *(f"  {line}" for line in reply.lines), *([reply.link] if reply.link else []))))

    request = ChatRequest(asker, text, datetime.now(UTC))
    if (reply := conversation.answer_at_once(request)) is not None:
        tell(reply)
    else:
        conversation.answer(request, tell)
    question = replies[-1].question if replies else None
    if question is not None and _says_yes(question.command):
        conversation.answer(ChatRequest(asker, question.command, datetime.now(UTC)), tell)
    if not replies or not replies[-1].good:
        raise typer.Exit(FAILED)


def _says_yes(command: str) -> bool:
    if not sys.stdin.isatty():
        say(f"nobody can be asked here; to go on: takeoff chat '{command}'")
        return False
    return str(typer.prompt("Type yes to go on", default="no")).strip().lower() == "yes"


def _environments() -> dict[str, Environment]:
    from takeoff.environment_files import LoadedEnvironment, load_environments

    read = [one for one in load_environments() if isinstance(one, LoadedEnvironment)]
    return {one.environment.name: one.environment for one in read}


def _airflow() -> AirflowApi:
    from takeoff.clients.airflow_api import CONNECTION, AirflowApi
    from takeoff.core.errors import ConfigError
    from takeoff.engine.credentials import connection_variable
    from takeoff.engine.shell_credentials import ShellCredentials

    access = ShellCredentials(os.environ).http(CONNECTION, None, "takeoff chat")
    login = access.session.auth
    if not isinstance(login, tuple):
        raise ConfigError(f"{connection_variable(CONNECTION)} needs login and password of a user with the role Op")
    return AirflowApi(access.base_url, str(login[0]), str(login[1]), access.session)
