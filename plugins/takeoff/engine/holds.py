"""The pause of automatic deploys: an entry in the journal, with an expiry if wanted."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from takeoff.core.errors import ConfigError
from takeoff.core.journal_entries import HoldLifted, HoldSet
from takeoff.core.record import Record
from takeoff.engine.journal_entry import decide, known_record
from takeoff.engine.session import Session

StopAfter = Literal["", "host", "batch"]


async def pause(
    session: Session, *, by: str, reason: str, lasting: timedelta | None = None, stop_after: StopAfter = ""
) -> Record:
    """Hold automatic deploys; a hold that stands already is replaced, so that its reason and expiry are the last given.

    Args:
        session: the environment.
        by: who.
        reason: why, in their words.
        lasting: until it lifts itself; for ever if None.
        stop_after: stop the open operation too, once the hosts in flight or those of the batch are finished; without
            it that goes on. It does not stop operations that open later, such as a rollback.

    Raises:
        ConfigError: no reason is given.
        Refused: there is no journal yet.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    if not reason.strip():
        raise ConfigError("a pause needs a reason: whoever meets it must know what it waits for")
    await known_record(session, f"pause {session.environment.name}")
    until = session.clock.now() + lasting if lasting is not None else None
    return await decide(session, lambda record: [HoldSet(reason=reason, until=until, stop_after=stop_after)], by=by)


def parse_stop_after(name: str, text: str) -> StopAfter:
    """Read what a pause shall stop after.

    Args:
        name: what the option or param is called.
        text: as it was given; nothing is stopped if empty.

    Raises:
        ConfigError: it is neither host nor batch.
    """
    match text:
        case "" | "host" | "batch":
            return text
    raise ConfigError(f"{name} {text}: it is host or batch")


def told_pause(environment: str, record: Record) -> tuple[str, ...]:
    """Say what was just paused, and what becomes of the operation that is open, one sentence each."""
    hold, holder = record.hold, record.open_operation
    if hold is None:
        return ()
    until = f" until {hold.until:%Y-%m-%d %H:%M} UTC" if hold.until else ""
    paused = f"deploys of {environment} are paused{until}: {hold.reason}"
    if hold.stops:
        last = "this batch" if hold.stop_after == "batch" else "the hosts in flight"
        return paused, (
            f"{hold.stops} stops once {last} are finished: `takeoff watch {environment}` shows it; then `takeoff "
            f"resume {environment}` and the task again go on, a rollback or `takeoff lease {environment} --release` "
            "ends it"
        )
    if hold.stop_after:
        return paused, "no operation is open: there is nothing to stop"
    if holder is not None:
        return paused, f"{holder.details.id} is open and goes on: the pause holds the deploys after it"
    return (paused,)


async def resume(session: Session, *, by: str, reason: str = "") -> Record:
    """Lift the hold; without one nothing is written.

    Raises:
        Refused: there is no journal yet.
        AuthorityDoubtful: the journal cannot be trusted.
    """
    await known_record(session, f"resume {session.environment.name}")
    return await decide(session, lambda record: [HoldLifted(reason=reason)] if record.hold else [], by=by)
