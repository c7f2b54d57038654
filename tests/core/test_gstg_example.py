"""The example file shows every key that there is."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment

EXAMPLE = Path(__file__).parents[2] / "config" / "environments" / "gstg.yml"


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _all_models(model: type[BaseModel]) -> set[type[BaseModel]]:
    inner = {one for field in model.model_fields.values() for one in _models_in(field.annotation)}
    return {model}.union(*(_all_models(one) for one in inner))


KEYS = sorted(
    (model.__name__, field.alias or name)
    for model in _all_models(Environment)
    for name, field in model.model_fields.items()
)


def _written(value: Any) -> Iterator[frozenset[str]]:
    """The sets of keys that stand side by side, commented-out ones of the same mapping included."""
    if isinstance(value, dict):
        yield frozenset(value)
        for inner in value.values():
            yield from _written(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _written(inner)


@pytest.fixture(scope="module")
def text() -> str:
    return EXAMPLE.read_text()


def test_it_is_valid(text: str) -> None:
    environment = parse_environment(text, "gstg.yml").environment
    assert environment.name == "gstg"
    assert [stage.name for stage in environment.stages] == ["shared", "canary", "main"]


@pytest.mark.parametrize(("model", "key"), KEYS, ids=[".".join(pair) for pair in KEYS])
def test_every_key_of_the_model_is_shown(model: str, key: str, text: str) -> None:
    siblings = {
        field.alias or name
        for one in _all_models(Environment)
        if one.__name__ == model
        for name, field in one.model_fields.items()
    }
    used = any(key in keys and keys <= siblings for keys in _written(yaml.load(text, yaml.BaseLoader)))  # noqa: S506 - reads text only
    commented = re.search(rf"^\s*# {re.escape(key)}:", text, re.MULTILINE) is not None
    assert used or commented


def test_every_line_fits_a_screen(text: str) -> None:
    assert [line for line in text.splitlines() if len(line) > 132] == []
