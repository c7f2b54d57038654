"""The playbook's inventory and variables, and one run of it."""

from __future__ import annotations

import json
from pathlib import Path

from bench.peers.ansible import Ansible
from bench.rolling import steps
from bench.rolling.fleet import BALANCER, HEALTH_INTERVAL_S
from takeoff.core.environment import Environment

PLAYBOOK = Path(__file__).with_name("playbook.yml")


def prepare(environment: Environment, hosts: tuple[str, ...], folder: Path) -> Path:
    """Write inventory and variables; returns the inventory."""
    places = environment.hosts()
    inventory = folder / "fleet.ini"
    lines = [f"{name} ansible_host={places[name].target}" for name in (*hosts, BALANCER)]
    inventory.write_text("\n".join([*lines, "", "[web]", *hosts]) + "\n")
    variables = folder / "group_vars"
    variables.mkdir()
    values = {
        "balancer": BALANCER,
        "prepare": steps.prepare,
        "configure": steps.configure,
        "restart": steps.restart,
        "healthy": steps.healthy,
        "health_interval": HEALTH_INTERVAL_S,
        "steps": {host: _on_balancer(host) for host in hosts},
    }
    (variables / "all.json").write_text(json.dumps(values))
    return inventory


def _on_balancer(host: str) -> dict[str, str]:
    back = (
        f"until {steps.check_passes(host)}; do sleep 0.5; done; {steps.set_state(host, 'ready')}; "
        f"until {steps.serving(host)}; do sleep 0.5; done"
    )
    return {"drain": steps.set_state(host, "drain"), "drained": steps.drained(host), "back": back}


def roll(ansible: Ansible, inventory: Path, version: str) -> None:
    """Upgrade the hosts."""
    variables = inventory.with_name("version.json")
    variables.write_text(json.dumps({"install": steps.install(version)}))
    ansible.playbook(PLAYBOOK, inventory=inventory, variables=variables)
