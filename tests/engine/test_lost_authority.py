"""The blessed node is rebuilt empty, replaced, or its journal is older than a copy: nothing moves until it is back."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import AuthorityDoubtful, Refused, Superseded
from takeoff.core.journal_entries import LeftBehind, PointOfNoReturn, PostDeployFinished, TaskStarted
from takeoff.core.operation import OperationKind, Outcome
from takeoff.core.rollback_refusals import NO_RETURN
from takeoff.core.task_ids import POST_DEPLOY
from takeoff.core.verdict import rollback_verdict
from takeoff.engine.adoption import adopt
from takeoff.engine.drivers import new_driver
from takeoff.engine.holds import pause, resume
from takeoff.engine.journal_care import restore_journal
from takeoff.engine.opening import DeployRequest
from takeoff.engine.operation_part import OperationPart
from takeoff.engine.post_deploy import run_post_deploy
from takeoff.engine.release import release_lease
from takeoff.engine.rollback_verdict import RollbackRequest
from takeoff.engine.rolling_back import pause_deploys, verdict_for
from takeoff.engine.session import Session
from tests.core.conftest import SMALL
from tests.engine.sessions import V0, V1, V2, install, opened, session_on
from tests.fleet.shell_hosts import ShellHosts

LOSSES = ("rebuilt empty", "replaced", "older than a copy")


@pytest.fixture
async def last(hosts: ShellHosts, unadopted: Session, tmp_path: Path) -> OperationPart:
    """An open deploy to V2, after a point of no return of V1, a host left behind and a pause."""
    session = unadopted
    install(hosts, session.environment, dict.fromkeys(session.environment.fleet, V1))
    await adopt(session, by="maria")
    await session.leases.close(await opened(session, V1), Outcome.SUCCEEDED, by="maria")
    shutil.copytree(hosts.state("deploy-01"), tmp_path / "backup")
    migrating = OperationPart.of(session, await opened(session, V1, OperationKind.POST_DEPLOY))
    await migrating.tell(PointOfNoReturn(version=V1, names=("1 a",)), PostDeployFinished(version=V1))
    await session.leases.close(migrating.lease, Outcome.SUCCEEDED, by="maria")
    await pause(session, by="maria", reason="disk trouble")
    part = OperationPart.of(session, await opened(session, V2))
    await part.tell(LeftBehind(host="web-02", reason="down"))
    return part


@pytest.fixture(params=LOSSES)
def after_loss(
    request: pytest.FixtureRequest, hosts: ShellHosts, small: Environment, last: OperationPart, tmp_path: Path
) -> Callable[[], Session]:
    """What a process that begins after the loss works with."""
    shutil.rmtree(hosts.state("deploy-01"))
    match request.param:
        case "older than a copy":
            shutil.copytree(tmp_path / "backup", hosts.state("deploy-01"))
        case "replaced":
            small = parse_environment(SMALL.replace("deploy-01", "deploy-02"), "lab.yml").environment
            install(hosts, small, {"deploy-02": V1})
    return lambda: session_on(hosts, small)


def wanted(version: str) -> RollbackRequest:
    return RollbackRequest(version=version, by="omar", reason="logins fail")


async def go_on(session: Session) -> object:
    return await OperationPart.join(session, "lab-3", new_driver("main.web", "maria"))


OPERATIONS: dict[str, Callable[[Session], Awaitable[object]]] = {
    "a deploy": lambda session: opened(session, V2),
    "an operation gone on with": go_on,
    "a rollback's verdict": lambda session: verdict_for(session, wanted(V0)),
    "a rollback's pause": lambda session: pause_deploys(session, wanted(V0), V0),
    "a rollback": lambda session: opened(session, V0, OperationKind.ROLLBACK),
    "post-deploy migrations": lambda session: run_post_deploy(
        session, DeployRequest(version=V1, by="maria"), new_driver(POST_DEPLOY, "maria")
    ),
    "a pause": lambda session: pause(session, by="maria", reason="x"),
    "a resume": lambda session: resume(session, by="maria"),
    "a release": lambda session: release_lease(session, by="maria", reason="x"),
    "an adoption": lambda session: adopt(session, by="maria"),
}


async def test_every_operation_is_refused_and_says_what_to_do(after_loss: Callable[[], Session]) -> None:
    let_through = {}
    for name, begin in OPERATIONS.items():
        try:
            await begin(after_loss())
        except (AuthorityDoubtful, Refused) as error:
            if "--restore" not in str(error) and "--move" not in str(error):
                let_through[name] = f"does not say what to do: {error}"
        else:
            let_through[name] = "was let through"
    assert let_through == {}


async def test_what_brings_it_back_brings_all_points_of_no_return_with_it(
    after_loss: Callable[[], Session], last: OperationPart
) -> None:
    known = last.session.journal.known
    record = await restore_journal(after_loss(), by="omar", reason="the node is new")
    assert record.authority != known.authority
    assert record.points_of_no_return == known.points_of_no_return
    assert (record.hold, record.deployed) == (known.hold, known.deployed)
    assert record.left_behind == known.left_behind
    assert list(record.operations) == list(known.operations)

    refusals = [finding.gate for finding in rollback_verdict(record, after_loss().environment, V0).refusals]
    assert NO_RETURN in refusals
    part = await OperationPart.join(after_loss(), last.operation.id, new_driver("main.web", "omar"))
    await part.announce()
    with pytest.raises((Superseded, AuthorityDoubtful)):
        await last.fleet.jobs.run(last.lease, "web-01", "install", "true", timeout_s=10, describe="by the old driver")
    await part.tell(TaskStarted(task="main.web"))
