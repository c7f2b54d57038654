"""The sources of one distribution, asked in the environment's order; each that gives no answer says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from takeoff.core.candidates import Candidate, Holdings
from takeoff.core.counting import counted
from takeoff.core.errors import SourceUnavailable, SourceUntrusted


class Source(Protocol):
    """Something that knows which versions of the package there are."""

    @property
    def name(self) -> str:
        """What to call it: its kind and where it is."""
        ...

    async def ask(self) -> Holdings:
        """Tell all that it holds of the package.

        Raises:
            SourceUnavailable: it gives no answer now.
            SourceUntrusted: it gives one that cannot be believed.
        """
        ...

    async def describe(self, candidate: Candidate) -> Candidate:
        """Fill in hash and size of one of its candidates, if its list does not have them.

        Raises:
            SourceUnavailable: it gives no answer now.
            SourceUntrusted: it gives one that cannot be believed.
        """
        ...


class SourceState(StrEnum):
    """How a source took part in a look."""

    ANSWERED = "answered"
    UNAVAILABLE = "unavailable"
    UNTRUSTED = "untrusted"
    NOT_ASKED = "not asked"
    """One before it answered, or was not to be trusted."""


@dataclass(frozen=True)
class SourceOutcome:
    """One source's part in a look.

    Attributes:
        name: the source.
        state: how it took part.
        message: why it gave no answer, or how much it holds.
    """

    name: str
    state: SourceState
    message: str = ""


@dataclass(frozen=True)
class Asked:
    """What came of asking.

    Attributes:
        outcomes: every source once, in order.
        source: the one that answered; ``None`` if none did.
        holdings: what it holds.
    """

    outcomes: tuple[SourceOutcome, ...]
    source: Source | None = None
    holdings: Holdings = field(default_factory=Holdings)


async def ask_in_order(sources: Sequence[Source]) -> Asked:
    """Believe the first source that answers.

    One whose answer cannot be believed ends the look: hosts would install from that very repository, and another
    source's word does not make it safe.
    """
    outcomes: list[SourceOutcome] = []
    answered: Asked | None = None
    for source in sources:
        if answered is not None or (outcomes and outcomes[-1].state in (SourceState.UNTRUSTED, SourceState.NOT_ASKED)):
            outcomes.append(SourceOutcome(source.name, SourceState.NOT_ASKED))
            continue
        try:
            holdings = await source.ask()
        except SourceUnavailable as error:
            outcomes.append(SourceOutcome(source.name, SourceState.UNAVAILABLE, _reason(error)))
        except SourceUntrusted as error:
            outcomes.append(SourceOutcome(source.name, SourceState.UNTRUSTED, _reason(error)))
        else:
            versions = len({one.version for one in holdings.candidates})
            outcomes.append(SourceOutcome(source.name, SourceState.ANSWERED, counted(versions, "version")))
            answered = Asked((), source, holdings)
    if answered is None:
        return Asked(tuple(outcomes))
    return Asked(tuple(outcomes), answered.source, answered.holdings)


def _reason(error: SourceUnavailable | SourceUntrusted) -> str:
    return str(error).removeprefix(f"{error.source}: ")
