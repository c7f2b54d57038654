"""The base of every model a person writes in a file, and the small value types such files use."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, PlainSerializer
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from pytimeparse2 import parse as parse_seconds

from takeoff.core.attribute_docstrings import attribute_docstrings


class StrictModel(BaseModel):
    """Frozen; unknown keys are errors; the docstring below a field is its description in schema and docs."""

    # Built at its first use: many models are parts of another one only, and DAG files are read often.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def field_docstrings(cls) -> dict[str, str]:
        """Read what the fields are for: field → the docstring below it.

        Pydantic's `use_attribute_docstrings` would do it when a model is imported, so at each reading of a DAG file,
        at a quarter of its cost: `inspect` looks through every module that Airflow has loaded.
        """
        models = [
            model for model in reversed(cls.__mro__) if issubclass(model, StrictModel) and model is not StrictModel
        ]
        return {name: text for model in models for name, text in attribute_docstrings(model).items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the fields."""
        described = handler(schema)
        properties = handler.resolve_ref_schema(described)["properties"]
        for name, text in cls.field_docstrings().items():
            for key in properties.keys() & {name, cls.model_fields[name].alias}:
                properties[key].setdefault("description", text)
        return described


def parse_duration(value: Any) -> timedelta:
    """Read a duration as people write it: ``90s``, ``10m``, ``1h30m``, ``7d``, or seconds as a number.

    Raises:
        ValueError: it is not a duration, or it is negative.
    """
    if isinstance(value, timedelta):
        return value
    seconds = value if isinstance(value, int | float) and not isinstance(value, bool) else parse_seconds(str(value))
    if not isinstance(seconds, int | float) or seconds < 0:
        raise ValueError(f"{value!r} is no duration; write 90s, 10m, 1h30m or 7d")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Write a duration the way :func:`parse_duration` reads it, largest unit first (``1h30m``)."""
    rest, parts = int(duration.total_seconds()), []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str | int),
    PlainSerializer(format_duration, return_type=str),
]
"""A length of time; in files as ``90s``, ``10m``, ``1h30m`` or ``7d``."""


class Share(str):
    """A number of hosts: a count (``3``) or a share of those concerned (``10%``)."""

    _FORM = re.compile(r"(?P<count>\d+)|(?P<percent>\d{1,3})%")

    def __new__(cls, text: str | int) -> Share:
        """Check the form.

        Raises:
            ValueError: neither a count nor a percentage from 0% to 100%.
        """
        match = cls._FORM.fullmatch(str(text).strip())
        if isinstance(text, bool) or match is None or (match["percent"] and int(match["percent"]) > 100):
            raise ValueError(f"{text!r} is neither a count of hosts (3) nor a share of them (10%)")
        return super().__new__(cls, str(text).strip())

    @property
    def is_zero(self) -> bool:
        """Whether it can never be one host (``0`` or ``0%``)."""
        return int(self.rstrip("%")) == 0

    def at_most(self, total: int) -> int:
        """Hosts that this allows out of ``total``, rounded down."""
        return total * int(self[:-1]) // 100 if self.endswith("%") else min(int(self), total)

    def at_least(self, total: int) -> int:
        """Hosts that this demands out of ``total``, rounded up; a count is not cut to ``total``."""
        return -(-total * int(self[:-1]) // 100) if self.endswith("%") else int(self)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let models take it as text or whole number."""
        return core_schema.no_info_plain_validator_function(
            cls,
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the form for editors."""
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": r"^\d+%?$"}]}
