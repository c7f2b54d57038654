"""Sources asked in order: the first that answers is believed, and each that does not says why."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from takeoff.clients.sources import SourceState, ask_in_order
from takeoff.core.candidates import Candidate, Holdings
from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from takeoff.core.versions import PackageVersion

HELD = Holdings((Candidate("gitlab-ee", PackageVersion.parse("17.4.1-ee.0"), "", "amd64"),))


@dataclass
class Scripted:
    """A source that answers what it is told to, or raises it."""

    name: str
    says: Holdings | Exception
    asked: int = 0

    async def ask(self) -> Holdings:
        self.asked += 1
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def describe(self, candidate: Candidate) -> Candidate:
        return candidate


def silent(name: str) -> Scripted:
    return Scripted(name, SourceUnavailable(name, "connection refused"))


def doubtful(name: str) -> Scripted:
    return Scripted(name, SourceUntrusted(name, "is not signed"))


async def test_the_first_that_answers_is_believed_and_the_rest_is_not_asked() -> None:
    first, second, third = silent("apt"), Scripted("packagecloud", HELD), Scripted("apt_cache", HELD)
    asked = await ask_in_order([first, second, third])
    assert asked.holdings == HELD
    assert asked.source is second
    assert [(one.name, one.state) for one in asked.outcomes] == [
        ("apt", SourceState.UNAVAILABLE),
        ("packagecloud", SourceState.ANSWERED),
        ("apt_cache", SourceState.NOT_ASKED),
    ]
    assert asked.outcomes[0].message == "connection refused"
    assert third.asked == 0


async def test_a_doubtful_answer_ends_the_look() -> None:
    second = Scripted("packagecloud", HELD)
    asked = await ask_in_order([doubtful("apt"), second, Scripted("apt_cache", HELD)])
    assert asked.source is None
    assert not asked.holdings.candidates
    assert [one.state for one in asked.outcomes] == [SourceState.UNTRUSTED, *[SourceState.NOT_ASKED] * 2]
    assert second.asked == 0


async def test_no_answer_at_all_is_no_empty_answer() -> None:
    asked = await ask_in_order([silent("apt"), silent("apt_cache")])
    assert asked.source is None
    assert [one.state for one in asked.outcomes] == [SourceState.UNAVAILABLE] * 2


async def test_what_is_no_sources_fault_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        await ask_in_order([Scripted("apt", ZeroDivisionError())])
