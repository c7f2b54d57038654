"""What chat needs: its secrets from Airflow's connections, the environments, and who is in Slack's user groups."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from airflow.providers.slack.hooks.slack import SlackHook
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from takeoff.core.environment import Environment
from takeoff.environment_files import LoadedEnvironment, load_environments
from takeoff.web.fresh_value import FreshValue
from takeoff.web.mattermost import MattermostCommand
from takeoff.web.slack import SlackApp

SLACK = "takeoff_slack"
"""Airflow connection with the Slack app: password its signing secret; host, if any, where answers go."""

MATTERMOST = "takeoff_mattermost"
"""Airflow connection with the slash command: host the server's address, password its token, or several by spaces."""

GROUPS_TIMEOUT_S = 10

log = logging.getLogger(__name__)


def known_environments() -> dict[str, Environment]:
    """Read the environments; a broken file leaves its own out."""
    return {
        loaded.environment.name: loaded.environment
        for loaded in load_environments()
        if isinstance(loaded, LoadedEnvironment)
    }


def slack_app() -> SlackApp:
    """Read the Slack app; without its connection nobody is let in."""
    if (found := _connection(SLACK)) is None:
        return SlackApp("")
    answers_to = _address(found)
    return SlackApp(found.password or "", answers_to) if answers_to else SlackApp(found.password or "")


def mattermost_command() -> MattermostCommand:
    """Read the slash command of Mattermost; without its connection nobody is let in."""
    if (found := _connection(MATTERMOST)) is None:
        return MattermostCommand((), "")
    return MattermostCommand(tuple((found.password or "").split()), _address(found))


class SlackGroups:
    """Says who is in Slack's user groups, which is asked anew once a minute.

    Args:
        environments: whose notifications name the connection to Slack's Web API.
    """

    def __init__(self, environments: Callable[[], dict[str, Environment]]) -> None:
        self._environments = environments
        self._members: dict[str, FreshValue[frozenset[str]]] = {}

    def __call__(self, user: str, groups: Iterable[str]) -> frozenset[str]:
        """Name those of some groups that a user is in; a group that cannot be asked about gives nobody a right."""
        return frozenset(group for group in groups if user in self._members_of(group)())

    def _members_of(self, group: str) -> FreshValue[frozenset[str]]:
        return self._members.setdefault(group, FreshValue(lambda: self._ask(group)))

    def _ask(self, group: str) -> frozenset[str]:
        slack = next(
            (one.notifications.slack for one in self._environments().values() if one.notifications.slack), None
        )
        if slack is None:
            log.error("User group %s gives no rights: no environment names a connection to Slack", group)
            return frozenset()
        try:
            hook = SlackHook(slack_conn_id=slack.connection, timeout=GROUPS_TIMEOUT_S)
            found = hook.call("usergroups.users.list", params={"usergroup": group})
            return frozenset(found["users"])
        except Exception as error:
            log.error("User group %s gives no rights now: Slack could not be asked: %s", group, error)
            return frozenset()


def _connection(name: str) -> Connection | None:
    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


def _address(connection: Connection) -> str:
    host = (connection.host or "").rstrip("/")
    if not host or "://" in host:
        return host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'https'}://{host}{port}"
