"""What the tests of ``fleet`` share: a small environment, leases for it, and hosts that are folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from takeoff.core.environment import Environment
from takeoff.core.operation import Driver, Lease, Operation, OperationDraft, OperationKind
from takeoff.fleet.fencing import Fence
from takeoff.fleet.host_script import HostScript
from tests.clients.conftest import archive, build, keys, web  # noqa: F401 - a host's apt needs a repository
from tests.fleet.job_processes import end_jobs
from tests.fleet.shell_hosts import ShellHosts

AUTHORITY = "11111111-aaaa"


@pytest.fixture
def environment() -> Environment:
    return Environment.model_validate(
        {
            "name": "lab",
            "package": {
                "name": "gitlab-ee",
                "sources": [{"type": "apt", "url": "http://127.0.0.1:8000/", "suites": ["bookworm"], "keyring": "k"}],
                "upgrade_path": {"required_stops": ["17.10"]},
            },
            "ssh": {"user": "takeoff", "become": "none", "connect_timeout": "5s"},
            "deploy_node": "deploy-01",
            "stages": [
                {"name": "canary", "roles": {"web": ["web-cny-01"]}},
                {"name": "main", "roles": {"web": ["web-01", "web-02"], "sidekiq": ["sidekiq-01"]}},
            ],
        }
    )


@pytest.fixture(params=["dash", "bash"])
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ShellHosts]:
    """Hosts whose shell is dash, then bash; jobs that a test leaves running are ended."""
    yield ShellHosts(tmp_path / "hosts", request.param)
    end_jobs(tmp_path / "hosts")


@pytest.fixture
def script(hosts: ShellHosts, environment: Environment) -> HostScript:
    return HostScript(hosts, environment)


def draft_of(environment: Environment, **changes: object) -> OperationDraft:
    base = OperationDraft(
        kind=OperationKind.DEPLOY,
        environment=environment.name,
        package="gitlab-ee",
        version="17.1.0-ee.0",
        environment_sha256=hashlib.sha256(b"").hexdigest(),
        deploy_node=environment.deploy_node,
        placements=(),
        requested_by="maria",
    )
    return base.model_copy(update=changes)


def driver_of(task: str = "warmup", by: str = "maria", name: str = "worker:1:aa") -> Driver:
    return Driver(name=name, task=task, by=by)


async def announce(script: HostScript, lease: Lease, *hosts: str) -> None:
    """Tell hosts of a driver, without which they let nothing be changed."""
    assert not (await Fence(script).announce(lease, hosts)).unfenced


@pytest.fixture
def make_lease(environment: Environment) -> Callable[..., Lease]:
    def make(epoch: int = 1, number: int = 1, authority: str = AUTHORITY, predecessors: tuple[str, ...] = ()) -> Lease:
        draft = draft_of(environment)
        operation = Operation(**dict(draft), id=f"lab-{number}", opened_at=datetime(2026, 1, 1, tzinfo=UTC))
        return Lease(
            operation=operation, driver=driver_of(), epoch=epoch, authority=authority, predecessors=predecessors
        )

    return make
