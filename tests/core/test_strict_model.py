from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from takeoff.core.strict_model import Share, StrictModel, format_duration, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("10m", 600), ("1h30m", 5400), ("7d", 604800), ("45", 45), (45, 45), ("0s", 0)],
)
def test_durations_are_read_as_people_write_them(written, seconds):
    assert parse_duration(written).total_seconds() == seconds


@pytest.mark.parametrize("written", ["soon", "-5m", "", "5 parsecs", True, None, "10m;reboot"])
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(written)


@given(st.integers(0, 10**7))
def test_a_duration_is_read_back_as_it_was_written(seconds):
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("share", "total", "at_most", "at_least"),
    [
        pytest.param("10%", 25, 2, 3, id="a share is rounded down as a limit and up as a demand"),
        pytest.param("10%", 3, 0, 1, id="less than one host"),
        pytest.param("3", 10, 3, 3, id="a count"),
        pytest.param("3", 2, 2, 3, id="a count above the total still demands it"),
        pytest.param("100%", 7, 7, 7, id="all"),
        pytest.param("0", 7, 0, 0, id="none"),
    ],
)
def test_a_share_limits_and_demands_hosts(share, total, at_most, at_least):
    assert Share(share).at_most(total) == at_most
    assert Share(share).at_least(total) == at_least


@pytest.mark.parametrize("text", ["ten", "101%", "-1", "5.5", "%", "", True])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match="neither a count"):
        Share(text)


@given(st.integers(0, 100), st.integers(0, 2000))
def test_a_percentage_never_allows_more_than_it_demands(percent, total):
    share = Share(f"{percent}%")
    assert 0 <= share.at_most(total) <= share.at_least(total) <= total


class Machine(StrictModel):
    """A machine."""

    name: str
    """What it is called.

    In two parts.
    """
    begins: int = Field(default=0, alias="from")
    """When it begins."""
    plain: int = 0
    told: int = Field(default=0, description="Told by its field.")
    """Told below it."""


class Server(Machine):
    port: int = 80
    """Where it listens."""


def test_the_docstring_below_a_field_is_its_description_in_the_schema():
    properties = Server.model_json_schema()["properties"]
    assert {name: field.get("description") for name, field in properties.items()} == {
        "name": "What it is called.\n\nIn two parts.",
        "from": "When it begins.",
        "plain": None,
        "told": "Told by its field.",
        "port": "Where it listens.",
    }
