"""What is mounted at ``/takeoff-hooks``: routes that other systems call, each of which checks who calls by itself."""

from __future__ import annotations

# Needed by the first command that is answered, which shall not wait for its import.
import airflow.providers.http.hooks.http  # noqa: F401
from airflow.sdk import conf
from fastapi import FastAPI

import takeoff.clients.airflow_api  # noqa: F401 - for the same reason
from takeoff.operators.airflow_rest import connected_airflow_api
from takeoff.web.chat_connections import SlackGroups, known_environments, mattermost_command, slack_app
from takeoff.web.chat_conversation import Conversation
from takeoff.web.chat_doors import WorkBehind
from takeoff.web.environment_hooks import EnvironmentHooks, ring
from takeoff.web.fresh_value import FreshValue
from takeoff.web.gitlab_hook import gitlab_hook
from takeoff.web.mattermost import mattermost_router
from takeoff.web.slack import SlackDoor, slack_router


def make_hooks_app() -> FastAPI:
    """Make the application."""
    app = FastAPI(title="Takeoff: hooks", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(gitlab_hook(EnvironmentHooks(), ring))
    environments, behind = FreshValue(known_environments), WorkBehind()
    links = str(conf.get("api", "base_url", fallback="") or "")
    conversation = Conversation(environments, connected_airflow_api, links)
    groups = SlackGroups(environments)
    app.include_router(slack_router(SlackDoor(FreshValue(slack_app)), conversation, groups, behind))
    app.include_router(mattermost_router(FreshValue(mattermost_command), conversation, behind))
    return app
