"""What each host of a lab runs right now, seen from outside."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from rich.console import Console
from rich.table import Table

from lab.kind import LabKind
from lab.state import LabError, LabRecord, LabState, running

_INSTALLED = "dpkg-query -W -f='${Version} ${db:Status-Abbrev}' gitlab-ee"
_SERVERS = """printf 'show stat\\n' | socat - "UNIX-CONNECT:${TAKEOFF_HOST_ROOT:-}/run/haproxy/admin.sock" """


def collect_status(state: LabState, kind: LabKind, record: LabRecord) -> dict[str, Any]:
    """Ask every host and balancer.

    Returns:
        ``kind``; ``hosts``: name → stage, role, ssh (address and port), installed, package_state, running, balancer;
        ``processes``: name → whether it lives; ``versions``: published ones. Unknown values are None.
    """
    with ThreadPoolExecutor(8) as pool:
        places = [
            place
            for part in pool.map(lambda name: balancer_places(kind, name), record.layout.balancers)
            for place in part
        ]
        hosts = dict(pool.map(lambda spec: (spec.name, _host(kind, record, spec.name, places)), record.layout.hosts))
    return {
        "kind": record.kind,
        "hosts": hosts,
        "processes": {each.name: running(each) is not None for each in record.processes},
        "versions": sorted(kind.repository.versions()),
        "fronts": {role: front.url for role, front in record.fronts.items()},
    }


def print_status(status: dict[str, Any], *, as_json: bool) -> None:
    """Print it for a person, or as JSON."""
    if as_json:
        print(json.dumps(status, indent=2))
        return
    table = Table("host", "stage", "role", "ssh", "installed", "running", "balancer", box=None)
    for name, host in status["hosts"].items():
        words = (host["stage"] or "–", host["role"], host["ssh"], host["installed"], host["running"], host["balancer"])
        table.add_row(name, *(word or "–" for word in words))
    console = Console()
    console.print(table)
    ended = [name for name, alive in status["processes"].items() if not alive]
    console.print(f"published: {', '.join(status['versions'])}")
    if ended:
        console.print(f"not running: {', '.join(ended)}", style="red")


def _host(kind: LabKind, record: LabRecord, name: str, places: list[tuple[str, str]]) -> dict[str, Any]:
    spec, each = record.layout.host(name), record.hosts[name]
    version, _, state = _output(kind, name, _INSTALLED).partition(" ")
    return {
        "stage": spec.stage,
        "role": spec.role,
        "ssh": f"{each.ssh.address}:{each.ssh.port}",
        "installed": version or None,
        "package_state": state.strip() or None,
        "running": _running_version(each.http.url) if spec.role != "deploy" else None,
        "balancer": ", ".join(status for server, status in places if server == name) or None,
    }


def _output(kind: LabKind, name: str, script: str) -> str:
    """What a script says; nothing if it fails, or the machine is off or silent."""
    try:
        result = kind.run(name, script, timeout_seconds=5)
    except LabError:
        return ""
    return result.output if result.status == 0 else ""


def _running_version(url: str) -> str | None:
    try:
        text = requests.get(f"{url}/-/metrics", timeout=3).text
        return next(line.split('"')[1] for line in text.splitlines() if line.startswith("gitlab_version_info"))
    except (requests.RequestException, StopIteration, IndexError):
        return None


def balancer_places(kind: LabKind, balancer: str) -> list[tuple[str, str]]:
    """(server, status) of every server of a balancer; none while it does not answer."""
    lines = _output(kind, balancer, _SERVERS).splitlines()
    if not lines or not lines[0].startswith("# pxname"):
        return []
    columns = lines[0].removeprefix("# ").split(",")
    rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:] if line]
    return [(row["svname"], row["status"]) for row in rows if row.get("svname") not in ("FRONTEND", "BACKEND", None)]
