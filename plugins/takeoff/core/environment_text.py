"""From an environment file's text to its model, with errors that name file, line and field."""

from __future__ import annotations

import difflib
import hashlib
import typing
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from takeoff.core.environment import Environment, Path
from takeoff.core.errors import ConfigError
from takeoff.core.hosts import duplicates


class EnvironmentText(NamedTuple):
    """A valid environment file.

    Attributes:
        environment: the model.
        sha256: hex digest of the text; an operation pins it.
    """

    environment: Environment
    sha256: str


class _Loader(yaml.CSafeLoader):
    """Reads scalars as written: YAML 1.1 would make version ``17.10`` the number 17.1, ``no`` false, ``22:22`` 1342."""


_KEPT_TAGS = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag in _KEPT_TAGS]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@lru_cache(maxsize=64)  # Four DAG files read the same environments, often in one process.
def parse_environment(text: str, filename: str) -> EnvironmentText:
    """Read and validate an environment file.

    Args:
        text: its content.
        filename: for messages.

    Raises:
        ConfigError: one problem for each mistake, in order of lines: ``gstg.yml:12: ssh.port: …``.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise ConfigError(f"{filename}: the file is empty; `takeoff schema` says what belongs in it")
        twice = [f"{filename}:{line}: {where}: this key is there twice" for line, where in _repeated_keys(root, ())]
        if twice:
            raise ConfigError(*twice)
        data = loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"{filename}{line}: this is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{filename}: this is no YAML: {' '.join(str(error).split())}") from None
    finally:
        loader.dispose()
    if not isinstance(data, dict):
        raise ConfigError(f"{filename}:1: expected keys and values (`name: gstg` …), got {type(data).__name__}")
    try:
        environment = Environment.model_validate(data)
    except ValidationError as error:
        raise ConfigError(*explain(error, root, filename)) from None
    return EnvironmentText(environment, hashlib.sha256(text.encode()).hexdigest())


def explain(error: ValidationError, root: yaml.Node, filename: str) -> list[str]:
    """Say each mistake as one sentence with file, line and field, in the order of the file."""
    found: list[tuple[int, str]] = []
    mistakes = error.errors(include_url=False)
    for details in mistakes:
        follows = details["type"] == "too_short" and any(
            other is not details and other["loc"][: len(details["loc"])] == details["loc"] for other in mistakes
        )
        for loc, sentence in [] if follows else _sentences(details):
            path = _written_path(loc, root)
            missing = details["type"] == "missing"
            field = ".".join(str(part) for part in ((*path, loc[-1]) if missing else path))
            line = _node_at(root, path).start_mark.line + 1
            found.append((line, f"{filename}:{line}: {field + ': ' if field else ''}{sentence}"))
    return [sentence for _, sentence in sorted(dict.fromkeys(found))]


def _sentences(details: ErrorDetails) -> list[tuple[Path, str]]:
    if details["type"] == "misfit":
        return [(tuple(loc), message) for loc, message in details["ctx"]["problems"]]
    return [(details["loc"], _sentence(details))]


def _sentence(details: ErrorDetails) -> str:
    match details["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            known = _known_keys(details["loc"])
            near = difflib.get_close_matches(str(details["loc"][-1]), known, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            return f"no such key; {hint}known here: {', '.join(known)}"
        case "value_error":
            return details["msg"].removeprefix("Value error, ")
        case "string_pattern_mismatch":
            return f"{details['input']!r} does not match {details['ctx']['pattern']}"
        case _:
            given = details["input"]
            shown = "" if isinstance(given, dict | list) else f", got {given!r}"
            return details["msg"][:1].lower() + details["msg"][1:] + shown


def _written_path(loc: Path, root: yaml.Node) -> Path:
    """Leave out of a location what pydantic adds to it (a union's member, a key's check): the file does not hold it."""
    path: Path = ()
    for part in loc:
        if _child(_node_at(root, path), part) is not None:
            path = (*path, part)
    return path


def _node_at(node: yaml.Node, path: Path) -> yaml.Node:
    for part in path:
        node = _child(node, part) or node
    return node


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return typing.cast(yaml.Node, node.value[part])
    return None


def _repeated_keys(node: yaml.Node, path: Path) -> Iterator[tuple[int, str]]:
    if isinstance(node, yaml.MappingNode):
        names = [str(key.value) for key, _ in node.value]
        for name in duplicates(names):
            last = [key for key, _ in node.value if key.value == name][-1]
            yield last.start_mark.line + 1, ".".join(map(str, (*path, name)))
        for key, value in node.value:
            yield from _repeated_keys(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _repeated_keys(value, (*path, position))


def _known_keys(loc: Path) -> list[str]:
    """List the keys of the model in which an unknown one was found, by walking the fields' types along the location."""
    models: list[type[BaseModel]] = [Environment]
    for part in loc[:-1]:
        inner = [
            model
            for outer in models
            for name, field in outer.model_fields.items()
            if part in (name, field.alias)
            for model in _models_in(field.annotation)
        ]
        tagged = [model for model in models if part in _tags_of(model)]
        models = inner or tagged or models
    return sorted({field.alias or name for model in models for name, field in model.model_fields.items()})


def _tags_of(model: type[BaseModel]) -> tuple[Any, ...]:
    field = model.model_fields.get("type")
    return typing.get_args(field.annotation) if field else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    arguments = typing.get_args(annotation)
    if not arguments and isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in arguments:
        yield from _models_in(argument)
