"""Deploys recorded as deployments of a GitLab project; failing to do so never fails a deploy."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from takeoff.clients.gitlab import GitlabProject
from takeoff.core.errors import TakeoffError
from takeoff.engine.credentials import Credentials, endpoint_access

if TYPE_CHECKING:
    from takeoff.core.environment import Environment
    from takeoff.core.operation import Operation

log = logging.getLogger(__name__)


def track_begin(environment: Environment, credentials: Credentials, operation: Operation) -> None:
    """Record that a deploy is running."""
    _track(environment, credentials, operation, "running")


def track_end(environment: Environment, credentials: Credentials, operation: Operation) -> None:
    """Record that a deploy has succeeded."""
    _track(environment, credentials, operation, "success")


def _track(environment: Environment, credentials: Credentials, operation: Operation, status: str) -> None:
    settings = environment.tracking.gitlab
    if settings is None:
        return
    name = settings.environment or environment.name
    try:
        access = endpoint_access(credentials, settings, "tracking.gitlab")
        project = GitlabProject(access.base_url, settings.project, access.token, access.session)
        # GitLab wants a commit of the project; the version itself stands as the deployment's ref.
        sha = project.commit(_commit_of(operation.version) or "HEAD")
        number = project.record_deployment(name, ref=operation.version, sha=sha, status=status)
    except TakeoffError as error:
        log.warning("The deploy was not recorded in GitLab, it goes on: %s", error)
    else:
        log.info("Deployment %d of %s in GitLab is %s", number, name, status)


def _commit_of(version: str) -> str:
    """Find the commit that an auto-deploy was built from in its version; empty for other kinds."""
    built = re.fullmatch(r"[0-9.]+[-+]([0-9a-f]{7,40})\.[0-9a-f]{7,40}", version)
    return built[1] if built else ""
