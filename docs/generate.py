"""Writes the reference pages from the code: ``python docs/generate.py``; a test tells when they are out of date.

``environment.md`` comes from the environment file's model, ``json.md`` and ``json/*.json`` from what ``--json`` prints.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from takeoff.core.environment import Environment
from takeoff.core.environment_status import EnvironmentStatus
from takeoff.core.fleet_view import FleetView
from takeoff.core.hosts import Host
from takeoff.core.package_report import PackageReport
from takeoff.core.strict_model import Share, StrictModel, format_duration
from takeoff.core.why import Why
from takeoff.engine.doctor import Diagnosis
from takeoff.engine.lease_view import LeaseView
from takeoff.engine.plan_view import PlanView
from takeoff.engine.preflight import Preflight

FOLDER = Path(__file__).parent

PRINTED: dict[str, type[BaseModel]] = {
    "status": EnvironmentStatus,
    "why": Why,
    "packages": PackageReport,
    "plan": PlanView,
    "preflight": Preflight,
    "lease": LeaseView,
    "doctor": Diagnosis,
}
"""Command → what its ``--json`` prints."""

SERVED: dict[str, type[BaseModel]] = {"fleet": FleetView}
"""Schema's name → what ``GET /takeoff/`` answers."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"
"""What pydantic's schemas are written in."""

ENVIRONMENT_HEAD = """# The environment file

One file in `config/environments` (or `$TAKEOFF_ENVIRONMENTS`) for each environment, called as the environment is. It
is YAML whose values are taken as written (`no` is text, `17.10` stays `17.10`). Unknown keys are errors. `takeoff
validate ENV` checks a file and names every mistake with its line; `takeoff schema` prints the JSON Schema for
editors; `config/environments/gstg.yml` shows every key.

Durations: `90s`, `10m`, `1h30m`, `7d`. Shares: a count of hosts (`3`) or a percentage (`10%`). Host ranges:
`web-[01:20]`, `db-[a:c]`. Secrets are in the Airflow connections that the file names; the `takeoff` command reads
them from `AIRFLOW_CONN_<ID>`, in Airflow's JSON and URI forms.

This page is generated from the model by `docs/generate.py`.
"""

JSON_HEAD = """# What `--json` prints

Every command that looks takes `--json` and then prints one JSON object (`takeoff journal --json`: one for each line,
in the [journal's own form](journal.md)). `schema_version` is the version of the command's form: within one, keys are
only ever added, so readers must ignore the ones they do not know. Times are ISO 8601 in UTC. Exit status: 0 done, 1
failed, 2 wrong usage or environment file, 3 refused; the object is printed first also where the status is not 0.

JSON Schemas: [`docs/json/`](json/). This page is generated from the models by `docs/generate.py`.
"""

FLEET_HEAD = """What the fleet page reads, for users of Airflow: 401 without a login; environments whose deploy DAG the
user may not read are left out, and who may read none gets 403. It comes from what tasks wrote last (`age_s`,
`hosts_age_s`), never from the hosts themselves. `status` is described under `takeoff status` above.
"""


def pages() -> dict[Path, str]:
    """Make every generated file: path → text."""
    made = {FOLDER / "environment.md": environment_page(), FOLDER / "json.md": json_page()}
    for name, model in (PRINTED | SERVED).items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **model.model_json_schema(mode="serialization"),
        }
        made[FOLDER / "json" / f"{name}.json"] = json.dumps(schema, indent=2) + "\n"
    return made


def environment_page() -> str:
    """Describe every model of the environment file, in the order in which the file meets them."""
    parts = [ENVIRONMENT_HEAD]
    for model in dict.fromkeys((Environment, *_inner_models(Environment))):
        title = "The file" if model is Environment else _title(model)
        parts += [f"## {title}\n", f"{_prose(model)}\n", "| key | | default |\n|---|---|---|"]
        told = model.field_docstrings() if issubclass(model, StrictModel) else {}
        parts += [_row(name, field, told.get(name, "")) for name, field in model.model_fields.items()]
        parts.append("")
    return "\n".join(parts)


def json_page() -> str:
    """Describe what each command prints, from the attributes in the models' docstrings."""
    parts = [JSON_HEAD]
    titles = {name: f"`takeoff {name} ENV --json`" for name in PRINTED} | {"fleet": "`GET /takeoff/`"}
    for name, model in (PRINTED | SERVED).items():
        parts += [f"## {titles[name]}\n", f"Schema: [`json/{name}.json`](json/{name}.json)\n"]
        parts += [FLEET_HEAD] if model is FleetView else []
        above = {EnvironmentStatus, *_inner_models(EnvironmentStatus)} if model is FleetView else set()
        for inner in dict.fromkeys((model, *_inner_models(model))):
            if inner in above:
                continue
            about = _attributes(inner)
            parts += [f"### {inner.__name__}\n", f"{_prose(inner)}\n"] if inner is not model else []
            parts += ["| key | |\n|---|---|"]
            parts += [f"| `{name}` | {about.get(name, '')} |" for name in inner.model_fields]
            parts.append("")
    return "\n".join(parts)


def _inner_models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            if inner is not Host or issubclass(model, StrictModel):
                yield inner
                yield from _inner_models(inner)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _row(name: str, field: FieldInfo, docstring: str) -> str:
    about = " ".join((field.description or docstring).replace("|", "\\|").split())
    inner = ", ".join(f"[{_title(model)}](#{_anchor(model)})" for model in dict.fromkeys(_models_in(field.annotation)))
    choices = " \\| ".join(f"`{value}`" for value in _choices(field.annotation))
    told = " ".join(part for part in (about, f"({choices})" if choices else "", f"→ {inner}" if inner else "") if part)
    return f"| `{field.alias or name}` | {told} | {_default(field)} |"


def _choices(annotation: object) -> tuple[object, ...]:
    if typing.get_origin(annotation) is typing.Literal:
        return typing.get_args(annotation)
    return tuple(value for argument in typing.get_args(annotation) for value in _choices(argument))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ("", (), {}) or isinstance(value, BaseModel | dict):
        return ""
    if hasattr(value, "total_seconds"):
        return f"`{format_duration(value)}`"
    if isinstance(value, tuple):
        return "`[" + ", ".join(str(getattr(one, "value", one)) for one in value) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{str(value) if isinstance(value, Share) else value}`".replace("|", "\\|")


def _title(model: type[BaseModel]) -> str:
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", model.__name__)
    return words[0] + words[1:].lower()


def _anchor(model: type[BaseModel]) -> str:
    return _title(model).lower().replace(" ", "-")


def _prose(model: type[BaseModel]) -> str:
    text = (model.__doc__ or "").partition("Attributes:")[0].strip()
    return " ".join(text.split()).replace("``", "`")


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """Read the ``Attributes:`` of a Google-style docstring."""
    text = (model.__doc__ or "").partition("Attributes:")[2]
    found = re.findall(r"^\s+(\w+): (.*(?:\n\s{12,}.*)*)", text, re.MULTILINE)
    return {name: " ".join(about.replace("``", "`").replace("|", "\\|").split()) for name, about in found}


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
