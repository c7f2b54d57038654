"""Settings of what people see and may do: approval, notifications, chat rights, deployment tracking."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from takeoff.core.check_settings import Endpoint
from takeoff.core.strict_model import Duration, StrictModel, parse_duration


class Approval(StrictModel):
    """The approval of post-deploy migrations, a point of no return."""

    expires: Duration = parse_duration("7d")
    """After this time without an answer it counts as rejected; it can be opened again."""
    approvers: tuple[str, ...] = ()
    """User ids of Airflow's auth manager who may answer; everybody who may run the DAG if empty."""


class SlackNotifications(StrictModel):
    """Slack, through Airflow's Slack provider."""

    connection: str
    """Airflow connection of type `slack`."""
    channel: str


class Notifications(StrictModel):
    """Who is told."""

    slack: SlackNotifications | None = None


class GitlabTracking(Endpoint):
    """Deploys recorded as deployments of a GitLab project's environment (GitLab API, "Deployments")."""

    project: str
    environment: str | None = None
    """Name of GitLab's environment; this environment's name if absent."""


class Tracking(StrictModel):
    """Where deploys are recorded outside; failing to do so never fails a deploy."""

    gitlab: GitlabTracking | None = None


class Right(StrEnum):
    """What chat users can be allowed."""

    LOOK = "look"
    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    POST_DEPLOY = "post_deploy"
    LEASE = "lease"
    OVERRIDE = "override"


class ChatRights(StrictModel):
    """Who may do what from chat."""

    rights: dict[Right, tuple[str, ...]] = Field(default={})
    """A right → users and groups: `slack:U012AB3CD`, `slack-group:S0604QSJC`, `mattermost:<user name>`."""
