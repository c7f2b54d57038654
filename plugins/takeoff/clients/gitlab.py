"""A GitLab project's API, through python-gitlab: QA pipelines, and deployments recorded for people to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import gitlab
import requests
from gitlab.exceptions import GitlabError, GitlabParsingError
from gitlab.v4.objects import Project

from takeoff.clients.json_requests import SHOWN, NotThere
from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted
from takeoff.core.freeze import FreezePeriod
from takeoff.core.qa_report import PipelineJob, QaEvidence, read_test_report

TIMEOUT_S = 30.0
"""Seconds for one answer of GitLab's."""


class Pipeline(NamedTuple):
    """A pipeline as it is now."""

    id: int
    status: str
    url: str


class _PromptGitlab(gitlab.Gitlab):
    """python-gitlab, but for its answer to 429: that one sleeps as long as the server says, ten times.

    Our callers try again by themselves, and take no thread while they wait.
    """

    def http_request(self, *args: Any, **options: Any) -> requests.Response:
        return super().http_request(*args, **{**options, "obey_rate_limit": False})


class GitlabProject:
    """One project of one GitLab.

    Args:
        url: address of the GitLab.
        project: path (``gitlab-org/quality/staging``) or number.
        token: a token with the ``api`` scope; empty for what needs none.
        session: carries certificates and proxies.
    """

    def __init__(self, url: str, project: str, token: str = "", session: requests.Session | None = None) -> None:
        self._name = f"GitLab at {url} (project {project})"
        options: dict[str, Any] = {"session": session} if session is not None else {}
        self._gitlab = _PromptGitlab(url, private_token=token or None, timeout=TIMEOUT_S, **options)
        self._project: Project = self._gitlab.projects.get(project, lazy=True)

    def start_pipeline(self, ref: str, variables: Mapping[str, str]) -> Pipeline:
        """Create a pipeline on a branch or tag.

        Raises:
            SourceUnavailable: no answer.
            SourceUntrusted: the answer cannot be read.
            ConfigError: GitLab refuses it: no such project or ref, no right to it.
        """
        given = [{"key": key, "value": value} for key, value in variables.items()]
        with self._told(f"create a pipeline on {ref}"):
            return _pipeline(self._project.pipelines.create({"ref": ref, "variables": given}))

    def pipeline(self, pipeline_id: int) -> Pipeline:
        """Look at a pipeline.

        Raises:
            NotThere: it was deleted.
            SourceUnavailable: no answer.
            SourceUntrusted: the answer cannot be read.
            ConfigError: no right to it.
        """
        with self._told(f"look at pipeline {pipeline_id}"):
            return _pipeline(self._project.pipelines.get(pipeline_id))

    def newest_pipeline(self, ref: str) -> Pipeline | None:
        """Look at the newest pipeline of a branch or tag; None if it never had one.

        Raises:
            SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told(f"list the pipelines of {ref}"):
            found = self._project.pipelines.list(ref=ref, order_by="id", sort="desc", per_page=1, get_all=False)
            return _pipeline(found[0]) if found else None

    def run_failed_jobs_again(self, pipeline_id: int) -> Pipeline:
        """Retry what failed or was canceled, in the same pipeline.

        Raises:
            NotThere, SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told(f"retry pipeline {pipeline_id}"):
            self._project.pipelines.get(pipeline_id, lazy=True).retry()
        return self.pipeline(pipeline_id)

    def evidence(self, pipeline: Pipeline) -> QaEvidence:
        """Gather what a pipeline is judged by: its test report, and every try of its jobs.

        Raises:
            NotThere, SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told(f"read the test report of pipeline {pipeline.id}"):
            found = self._project.pipelines.get(pipeline.id, lazy=True)
            report = read_test_report(found.test_report.get().attributes, self._name)
            jobs = found.jobs.list(iterator=True, include_retried=True)
            tries = tuple(PipelineJob(int(job.id), str(job.name), str(job.status)) for job in jobs)
        return QaEvidence(pipeline.status, pipeline.url, report, tries)

    def record_deployment(self, environment: str, *, ref: str, sha: str, status: str) -> int:
        """Record a deployment, or bring the one that is ``running`` for that environment to its end.

        Args:
            environment: GitLab's name of it.
            ref: what was deployed, for people: the package's version.
            sha: the commit; GitLab demands one of the project.
            status: ``running``, ``success``, ``failed`` or ``canceled``.

        Returns:
            The deployment's id.

        Raises:
            SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told(f"record a deployment to {environment}"):
            running = self._project.deployments.list(
                environment=environment, status="running", order_by="id", sort="desc", per_page=20, get_all=False
            )
            for deployment in running:
                if deployment.ref == ref:
                    if status != "running":
                        self._project.deployments.update(deployment.id, {"status": status})
                    return int(deployment.id)
            data = {"environment": environment, "ref": ref, "sha": sha, "tag": False, "status": status}
            return int(self._project.deployments.create(data).id)

    def freeze_periods(self) -> tuple[FreezePeriod, ...]:
        """List the project's freeze periods (GitLab API, "Freeze Periods").

        Raises:
            SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told("list the freeze periods"):
            found = self._project.freezeperiods.list(iterator=True)
            return tuple(FreezePeriod(one.freeze_start, one.freeze_end, one.cron_timezone) for one in found)

    def commit(self, ref: str) -> str:
        """Name the commit of a branch, a tag or a shortened SHA, by its full SHA.

        Raises:
            NotThere: the project has none of that name.
            SourceUnavailable, SourceUntrusted, ConfigError: as for :meth:`pipeline`.
        """
        with self._told(f"look at commit {ref}"):
            return str(self._project.commits.get(ref).id)

    @contextmanager
    def _told(self, action: str) -> Iterator[None]:
        """Turn python-gitlab's errors into ours."""
        try:
            yield
        except GitlabParsingError:
            raise SourceUntrusted(
                self._name, f"the answer to the request to {action} is no JSON: is the address right?"
            ) from None
        except (GitlabError, requests.RequestException, KeyError, AttributeError, TypeError) as error:
            raise self._ours(action, error) from None

    def _ours(self, action: str, error: Exception) -> Exception:
        if isinstance(error, requests.RequestException):
            return SourceUnavailable(self._name, f"no answer to the request to {action}: {error}")
        if not isinstance(error, GitlabError):
            return SourceUntrusted(self._name, f"the answer to the request to {action} lacks {error}")
        code = error.response_code
        told = f"{self._name}: the request to {action} was answered {code}: {str(error.error_message)[:SHOWN]}"
        if code is None or code >= 500 or code == 429:
            return SourceUnavailable(self._name, told.removeprefix(f"{self._name}: "))
        if code == 404:
            return NotThere(f"{told}: it does not exist, or the token may not see it")
        return ConfigError(told)


def _pipeline(found: Any) -> Pipeline:
    return Pipeline(int(found.id), str(found.status), str(found.web_url))
