"""The first use of an environment: what is installed is where its record begins."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter

from takeoff.core.errors import AuthorityDoubtful, Refused
from takeoff.core.host_facts import HostFacts
from takeoff.core.journal_entries import Adopted
from takeoff.core.record import Record
from takeoff.engine.journal_entry import decide
from takeoff.engine.session import Session
from takeoff.fleet.host_facts import read_facts


async def adopt(session: Session, *, by: str) -> Record:
    """Read what every host has installed and begin the journal with it.

    Raises:
        Refused: the environment is adopted already, or the hosts do not all run one version.
        AuthorityDoubtful: a host knows of another journal.
        HostUnreachable: a host gives no answer.
    """
    environment = session.environment
    record = await session.journal.trusted()
    _refuse_second(record, environment.name)
    facts = await _facts_of_all(session)
    _refuse_strangers(facts, environment.name)
    versions = {one.host: one.version for one in facts if one.version}
    version = _one_version(environment.fleet, versions)
    adopted = Adopted(authority=secrets.token_hex(8), version=version, versions=versions)

    def decision(now: Record) -> list[Adopted]:
        _refuse_second(now, environment.name)
        return [adopted]

    return await decide(session, decision, by=by)


async def _facts_of_all(session: Session) -> list[HostFacts]:
    """Ask every host; all are heard before the first silent one is told of."""
    script = session.fleet.script
    asked = (read_facts(script, host) for host in session.environment.fleet)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    if failures := [answer for answer in answers if isinstance(answer, BaseException)]:
        raise failures[0]
    return [answer for answer in answers if isinstance(answer, HostFacts)]


def _refuse_second(record: Record, environment: str) -> None:
    if record.authority:
        raise Refused(
            "adopted",
            f"{environment} is adopted already: its record says {record.deployed_version or 'no version'}; "
            f"`takeoff status {environment}` shows it",
        )


def _refuse_strangers(facts: list[HostFacts], environment: str) -> None:
    known = [one for one in facts if one.authority]
    if known:
        raise AuthorityDoubtful(
            f"{known[0].host} belongs to journal {known[0].authority}, which is not on the blessed node: bring it back "
            f"with `takeoff journal {environment} --restore` instead of beginning another one"
        )


def _one_version(fleet: tuple[str, ...], versions: dict[str, str]) -> str:
    """The version that all hosts run; empty if none has the package.

    Raises:
        Refused: they differ.
    """
    if not versions:
        return ""
    counted = Counter(versions.get(host, "nothing") for host in fleet)
    if len(counted) == 1:
        return next(iter(counted))
    usual = counted.most_common(1)[0][0]
    others = [f"{host} has {versions.get(host, 'nothing')}" for host in fleet if versions.get(host, "nothing") != usual]
    raise Refused(
        "mixed",
        f"the hosts do not all run one version: {counted[usual]} have {usual}, but {', '.join(others)}; bring them to "
        "one version by hand first, so that the record begins with what is true",
    )
