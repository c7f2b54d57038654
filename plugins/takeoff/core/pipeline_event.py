"""GitLab's pipeline event, and whether it means that a new package may be there."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

from pydantic import BaseModel, Field, ValidationError

from takeoff.core.package_settings import PipelineHook

LONGEST = 255
"""Characters of a name in an event; GitLab allows no longer ref."""


class NoEvent(ValueError):
    """The body is no pipeline event."""


class _Attributes(BaseModel):
    id: int
    ref: str = Field(max_length=LONGEST)
    status: str = Field(max_length=LONGEST)
    source: str = Field(default="", max_length=LONGEST)
    url: str = Field(default="", max_length=2 * LONGEST)


class _Project(BaseModel):
    path_with_namespace: str = Field(max_length=LONGEST)


class PipelineEvent(BaseModel):
    """What is read of an event; GitLab sends much more."""

    object_kind: str
    object_attributes: _Attributes
    project: _Project

    @classmethod
    def parse(cls, body: bytes) -> PipelineEvent:
        """Read the body of a webhook.

        Raises:
            NoEvent: it is no JSON, or not a pipeline's.
        """
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise NoEvent("the body is no JSON") from None
        kind = data.get("object_kind") if isinstance(data, dict) else None
        if kind != "pipeline":
            raise NoEvent("the body is no pipeline event: the webhook needs the trigger `Pipeline events` only")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            where = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise NoEvent(f"the pipeline event lacks what is needed: {where}") from None

    def refusal(self, hook: PipelineHook) -> str | None:
        """Say why it does not ring for an environment; ``None`` if it does."""
        pipeline, project = self.object_attributes, self.project.path_with_namespace
        if project != hook.project:
            return f"project {project} is not {hook.project}"
        if not any(fnmatchcase(pipeline.ref, pattern) for pattern in hook.refs):
            return f"ref {pipeline.ref} matches none of {', '.join(hook.refs)}"
        if pipeline.status not in hook.statuses:
            return f"status {pipeline.status} is none of {', '.join(hook.statuses)}"
        if pipeline.source not in hook.sources:
            return f"source {pipeline.source or 'unknown'} is none of {', '.join(hook.sources)}"
        return None

    @property
    def extra(self) -> dict[str, str | int]:
        """Name what rang, for people who look at the asset's event. No version is taken from it."""
        pipeline = self.object_attributes
        return {
            "project": self.project.path_with_namespace,
            "pipeline": pipeline.id,
            "ref": pipeline.ref,
            "url": pipeline.url,
        }
