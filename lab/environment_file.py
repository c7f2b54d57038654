"""Writes the environment file that describes a lab to Takeoff, and the connections that it names."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import yaml

from lab.layout import BALANCED_ROLES, Layout
from lab.repository import COMPONENT, SUITE
from lab.services import HEARTBEAT
from lab.state import LabRecord, LabState, write_file

ENVIRONMENT = "lab"
GITLAB_CONNECTION = "lab_gitlab"
"""Airflow connection with GitLab's address and token; ``connections.env`` has it as a variable."""

_HEALTH_PATHS = {
    "web": "/-/readiness?all=1",
    "git": "/-/readiness?all=1",
    "sidekiq": "/readiness",
    "gitaly": "/-/readiness",
}


def environment_path(state: LabState) -> Path:
    """Where the file lies: its folder can be given as ``TAKEOFF_ENVIRONMENTS``."""
    return state.path("environments", f"{ENVIRONMENT}.yml")


def connections_path(state: LabState) -> Path:
    """Shell file that exports the connections: ``set -a; . connections.env``."""
    return state.path("connections.env")


def write_environment(state: LabState, record: LabRecord) -> Path:
    """Write both files; the path of the environment file."""
    path = environment_path(state)
    head = "# Written by `python -m lab up`; changes are lost with the next one.\n"
    write_file(path, (head + yaml.safe_dump(describe(record), sort_keys=False, width=120)).encode())
    lines = (
        f"AIRFLOW_CONN_{name.upper()}={shlex.quote(json.dumps(value))}\n" for name, value in connections(record).items()
    )
    write_file(connections_path(state), "".join(lines).encode(), mode=0o600)
    return path


def connections(record: LabRecord) -> dict[str, dict[str, Any]]:
    """Airflow connection id → its fields, in the JSON form of ``AIRFLOW_CONN_<ID>``."""
    assert record.gitlab
    return {
        GITLAB_CONNECTION: {
            "conn_type": "http",
            "host": record.gitlab.address,
            "port": record.gitlab.port,
            "schema": "http",
            "password": record.gitlab_token,
        }
    }


def describe(record: LabRecord) -> dict[str, Any]:
    """The environment as the file holds it."""
    assert record.repository
    assert record.alertmanager
    layout = record.layout
    return {
        "name": ENVIRONMENT,
        "description": f"{len(layout.hosts)} hosts on this machine, kind {record.kind}",
        "package": {
            "name": "gitlab-ee",
            "kinds": ["release", "auto_deploy"],
            "sources": [
                {
                    "type": "apt",
                    "url": record.repository.url,
                    "suites": [SUITE],
                    "components": [COMPONENT],
                    "keyring": record.repository_keyring,
                },
                {"type": "apt_cache"},
            ],
            "disk_space_mib": 64,
        },
        "schedule": "0 * * * *",
        "ssh": {
            "user": record.ssh_user,
            "identity_file": record.ssh_identity,
            "known_hosts": record.known_hosts,
            "become": "none" if record.kind == "process" else "sudo",
            "connect_timeout": "5s",
            "keepalive": "5s",
        },
        "deploy_node": _host(record, layout.blessed.name),
        "stages": _stages(record, layout),
        "roles": {role: _recipe(role) for role in _HEALTH_PATHS},
        "batch": "50%",
        "floor": "50%",
        "load_balancers": [
            {
                "name": name,
                "host": _host(record, name),
                "socket": "/run/haproxy/admin.sock",
                "backends": {role: {"roles": [role]} for role in BALANCED_ROLES},
            }
            for name in layout.balancers
        ],
        "migrations": {"timeout": "10m"},
        "qa": {
            "connection": GITLAB_CONNECTION,
            "project": record.gitlab_project,
            "variables": {"QA_RSPEC_TAGS": "--tag smoke", "DEPLOY_VERSION": "{version}", "DEPLOY_STAGE": "{stage}"},
            "timeout": "2m",
            "poll": "1s",
        },
        "alerts": {
            "url": record.alertmanager.url,
            "matchers": [f'env="{HEARTBEAT["env"]}"', 'severity="critical"'],
            "heartbeat": f'alertname="{HEARTBEAT["alertname"]}"',
            "bake": "3s",
            "poll": "1s",
        },
        "gates": {"background_migrations": {"block": "failed"}},
        "post_deploy": "manual",
        "tracking": {"gitlab": {"connection": GITLAB_CONNECTION, "project": record.gitlab_project}},
    }


def _stages(record: LabRecord, layout: Layout) -> list[dict[str, Any]]:
    stages: dict[str, dict[str, Any]] = {}
    for stage, role, hosts in layout.groups():
        entry = stages.setdefault(stage, {"name": stage, "roles": {}})
        entry["roles"][role] = {"hosts": [_host(record, host.name) for host in hosts]}
    stages["canary"]["checks"] = {"qa": True, "alerts": True}
    return list(stages.values())


def _host(record: LabRecord, name: str) -> dict[str, Any]:
    ssh = record.hosts[name].ssh
    return {"name": name, "address": ssh.address, "port": ssh.port}


def _recipe(role: str) -> dict[str, Any]:
    health = {"url": f"http://localhost{_HEALTH_PATHS[role]}", "timeout": "60s", "interval": "1s"}
    return {"health": health, "drain_timeout": "60s"} if role in BALANCED_ROLES else {"health": health}
