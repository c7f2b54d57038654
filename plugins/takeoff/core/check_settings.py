"""Settings of what must be true before, during and after a deploy: QA, alerts, gates."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from takeoff.core.cron import CronText, TimezoneName
from takeoff.core.strict_model import Duration, StrictModel, parse_duration


class Endpoint(StrictModel):
    """Where an outside system answers: an Airflow connection (address, secret), or an address without a secret."""

    connection: str | None = None
    """Airflow connection id; on the command line read from AIRFLOW_CONN_<ID>, in Airflow's own forms."""
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.connection is None and self.url is None:
            raise ValueError("needs `connection` (an Airflow connection id) or `url`")
        return self


class QaSettings(Endpoint):
    """The QA subset: a pipeline of a GitLab project, judged by its test report."""

    project: str
    """Path (`gitlab-org/quality/staging`) or number of the project."""
    ref: str = "main"
    variables: dict[str, str] = {}
    """Pipeline variables; `{version}`, `{environment}` and `{stage}` are filled in."""
    timeout: Duration = parse_duration("2h")
    """Longest wait for the pipeline to end."""
    retries: int = Field(default=1, ge=0, le=5)
    """How often failed jobs of the pipeline are run again; a test that passes only then is reported as flaky."""
    poll: Duration = parse_duration("15s")
    """Time between two looks at the pipeline."""


class AlertSettings(Endpoint):
    """Outstanding critical alerts, asked from Alertmanager; what fired before the deploy began is told, not judged."""

    matchers: tuple[str, ...] = Field(min_length=1)
    """Alertmanager's matchers, all of which must hold: `env="gstg"`, `severity=~"s1|s2"`; `{stage}` is filled in."""
    heartbeat: str
    """Matcher of an alert that always fires: without it there is no monitoring, and no alerts means nothing."""
    bake: Duration = parse_duration("10m")
    """How long a stage must stay without new alerts; a stage may say otherwise."""
    poll: Duration = parse_duration("30s")
    """Time between two looks while it bakes."""


class StageChecks(StrictModel):
    """What is checked after a stage. The last stage always has both, where the environment has them at all."""

    qa: bool = False
    alerts: bool = False
    bake: Duration | None = None
    """Bake time of this stage; the environment's `alerts.bake` if absent."""


class PostDeployChecks(StrictModel):
    """What is checked once more after post-deploy migrations that a person allowed; the environment waits for it."""

    qa: bool = False
    """The QA subset of `qa`, with `{stage}` filled in as for the last stage."""
    alerts: bool = False
    """The alerts of `alerts`, and the bake of the last stage; what fired before the migrations is told, not judged."""


class FreezeWindow(StrictModel):
    """A time without automatic deploys: once (`from`, `until`), or again and again (`cron`, `duration`)."""

    name: str
    starts: datetime | None = Field(default=None, alias="from")
    """Begin, with its offset from UTC."""
    ends: datetime | None = Field(default=None, alias="until")
    """End, with its offset from UTC."""
    cron: CronText | None = None
    """When a recurring window begins, as a cron expression in `timezone`."""
    duration: Duration | None = None
    """How long a recurring window lasts."""
    timezone: TimezoneName = "UTC"

    @model_validator(mode="after")
    def _one_form(self) -> FreezeWindow:
        once, again = (self.starts, self.ends), (self.cron, self.duration)
        if not ((all(once) and not any(again)) or (all(again) and not any(once))):
            raise ValueError("a freeze window needs `from` and `until`, or `cron` and `duration`")
        if self.starts and self.ends and self.starts >= self.ends:
            raise ValueError("a freeze window must end after it begins")
        return self

    @field_validator("starts", "ends")
    @classmethod
    def _has_offset(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.tzinfo is None:
            raise ValueError("needs an offset from UTC: 2026-12-23T18:00:00+00:00")
        return moment


class GitlabFreezePeriods(Endpoint):
    """Freeze periods kept in a GitLab project (GitLab API, "Freeze Periods")."""

    project: str


class BackgroundMigrationGate(StrictModel):
    """Batched background migrations of the installed version, asked on the deploy node with `gitlab-psql`."""

    block: Literal["failed", "active", "never"] = "failed"
    """`active`: also unfinished ones block, as GitLab's docs ask of self-managed upgrades from minor to minor."""
    databases: tuple[str, ...] = ("main",)


class Gates(StrictModel):
    """What can forbid a deploy before it changes anything; each is passed with `skip: {NAME: reason}`."""

    freeze_windows: tuple[FreezeWindow, ...] = ()
    gitlab_freeze_periods: GitlabFreezePeriods | None = None
    background_migrations: BackgroundMigrationGate | None = None
    post_deploy_pending: Duration | None = None
    """Post-deploy migrations pending for longer than this block the next deploy; over a required stop always."""
