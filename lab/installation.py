"""The first package of a new lab: what was there before Takeoff came."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lab.application.package import NAME
from lab.kind import LabKind
from lab.spawn import answers, wait_until
from lab.state import LabError, LabRecord, LabState
from lab.status import balancer_places

PARALLEL = 8

_INSTALL = """
set -e
export DEBIAN_FRONTEND=noninteractive
root="${{TAKEOFF_HOST_ROOT:-}}"
touch "$root/etc/gitlab/skip-auto-reconfigure"
apt-get update -q -o APT::Update::Error-Mode=any
apt-get install -y -q {name}={version}
rm "$root/etc/gitlab/skip-auto-reconfigure"
"""

_START = "gitlab-ctl reconfigure"


def install_everywhere(state: LabState, kind: LabKind, record: LabRecord, version: str) -> None:
    """Install a version on every host and migrate the database wholly, then wait until all serve.

    Raises:
        LabError: it failed on a host; the text has the host's output.
    """
    blessed, *others = (host.name for host in record.layout.hosts)
    install = _INSTALL.format(name=NAME, version=version)
    _run(kind, [blessed], install + _START)
    _run(kind, others, _START if kind.copy_package(blessed, others) else install + _START)
    for host in record.layout.hosts[1:]:
        endpoint = record.hosts[host.name].http
        wait_until(lambda e=endpoint: answers(e, "/-/readiness"), host.name, state.path("hosts", host.name))  # type: ignore[misc]
    for role, front in record.fronts.items():
        wait_until(lambda f=front: answers(f, "/api/v4/notes"), f"backend {role}", state.path("log"))  # type: ignore[misc]
    for node in record.layout.balancers:
        wait_until(lambda n=node: _all_up(kind, n), f"every server on {node}", state.path("log"))  # type: ignore[misc]


def _all_up(kind: LabKind, node: str) -> bool:
    places = balancer_places(kind, node)
    return bool(places) and all(status == "UP" for _, status in places)


def _run(kind: LabKind, names: list[str], script: str) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        results = dict(zip(names, pool.map(lambda name: kind.run(name, script), names), strict=True))
    for name, result in results.items():
        if result.status:
            raise LabError(f"{name}: the first installation of {NAME} failed:\n{result.output}")
