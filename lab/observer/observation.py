"""Looks at a lab twice a second, and lets the judges judge each look."""

from __future__ import annotations

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from lab.observer.balancer_look import BalancerLooker
from lab.observer.database_look import DatabaseLooker
from lab.observer.host_look import STATE, HostLooker
from lab.observer.places import Places
from lab.observer.rules.crash import Crash
from lab.observer.rules.floor import Floor
from lab.observer.rules.judge import Fleet, Judge
from lab.observer.rules.migrations import Migrations
from lab.observer.rules.one_operation import OneOperation
from lab.observer.sights import Look
from lab.observer.verdict import Verdict
from lab.state import LabRecord, LabState

PERIOD_SECONDS = 0.5
_DATABASE_LOG = "var/log/postgresql.log"
_SCHEMA = "opt/gitlab/embedded/service/gitlab-rails/schema.json"


class Observation:
    """One run of the observer over a running lab."""

    def __init__(self, state: LabState) -> None:
        record = state.read()
        self._places, self._blessed = Places(state, record), record.layout.blessed.name
        self._hosts = {
            host.name: HostLooker(host.name, self._places, record.hosts[host.name].http) for host in record.layout.hosts
        }
        self._balancers = {name: BalancerLooker(name, self._places) for name in record.layout.balancers}
        services = self._places.root("services") if record.kind == "real" else None
        log = services / _DATABASE_LOG if services else None
        self._database = DatabaseLooker(record.database, log) if record.database else None
        self._kinds: dict[str, str] = {}
        self._journal = JournalReader(self._places, self._blessed)
        self.verdict = Verdict(judges(describe_fleet(state, record)))

    def run(self, ending: threading.Event, path: Path) -> None:
        """Look until told to end; the verdict's file is always that of the newest look."""
        with ThreadPoolExecutor(8) as pool:
            due = time.monotonic()
            while not ending.is_set():
                self.verdict.add(self._look(pool))
                self.verdict.write(path, None)
                due = max(due + PERIOD_SECONDS, time.monotonic())
                ending.wait(max(0.0, due - time.monotonic()))
            self.verdict.add(self._look(pool))

    def _look(self, pool: ThreadPoolExecutor) -> Look:
        at = time.time()
        database = pool.submit(self._database.look) if self._database else None
        balancers = {name: pool.submit(looker.look) for name, looker in self._balancers.items()}
        hosts = {name: pool.submit(looker.look) for name, looker in self._hosts.items()}
        self._learn_kinds()
        return Look(
            at=at,
            hosts={name: sight.result() for name, sight in hosts.items()},
            balancers={name: rows.result() for name, rows in balancers.items()},
            database=database.result() if database else None,
            journal=self._journal.read(),
            kinds=dict(self._kinds),
        )

    def _learn_kinds(self) -> None:
        """Which migrations are post-deployment ones, from the package that the blessed node has."""
        root = self._places.root(self._blessed)
        try:
            schema = json.loads((root / _SCHEMA).read_text()) if root else {}
        except (OSError, ValueError):  # being replaced
            return
        self._kinds |= {each["id"]: each["kind"] for each in schema.get("migrations", ())}


class JournalReader:
    """Reads the environment's journal where it lies, on the blessed node's disk."""

    def __init__(self, places: Places, host: str) -> None:
        self._places, self._host = places, host
        self._entries: tuple[dict[str, Any], ...] = ()

    def read(self) -> tuple[dict[str, Any], ...]:
        """All whole entries, oldest first; those known last while it cannot be read."""
        root = self._places.root(self._host)
        files = sorted((root / STATE).glob("*/journal")) if root else []
        try:
            lines = files[0].read_text(errors="replace").splitlines() if files else []
        except OSError:
            return self._entries
        if len(lines) != len(self._entries):
            self._entries = tuple(entry for line in lines if isinstance(entry := _parsed(line), dict))
        return self._entries


def describe_fleet(state: LabState, record: LabRecord) -> Fleet:
    """What the judges know beforehand, from the lab's record and its environment file."""
    (file,) = (state.folder / "environments").glob("*.yml")
    environment = yaml.safe_load(file.read_text())
    backends: dict[str, list[str]] = {}
    for host in record.layout.hosts:
        if host.backend:
            backends.setdefault(host.backend, []).append(host.name)
    recipes = environment.get("roles", {})
    floors = {
        backend: floor_of(recipes.get(backend, {}).get("floor") or environment.get("floor", 0), len(hosts))
        for backend, hosts in backends.items()
    }
    return Fleet(
        blessed=record.layout.blessed.name,
        addresses={each.ssh.address: name for name, each in record.hosts.items()},
        backends={backend: tuple(hosts) for backend, hosts in backends.items()},
        floors=floors,
        post_deploy_by_file=environment.get("post_deploy") == "next_deploy",
    )


def floor_of(share: str | int, hosts: int) -> int:
    """How many of so many hosts a count or a percentage is, rounded up."""
    text = str(share)
    return math.ceil(hosts * int(text[:-1]) / 100) if text.endswith("%") else int(text)


def judges(fleet: Fleet) -> tuple[Judge, ...]:
    """One for each rule that can be seen from outside."""
    return OneOperation(), Floor(fleet), Migrations(fleet), Crash()


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
