"""Rule 3: migrations only on the blessed node, never two at once, post-deployment ones only when all allows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lab.observer.rules.judge import Fleet
from lab.observer.sights import Breach, Look


class Migrations:
    """Sees who migrates, and what was there before a post-deployment migration."""

    rule = 3
    title = "Migrations run on the blessed node alone, one at a time; post-deployment ones after a yes, on one version"

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def judge(self, look: Look, before: Look | None) -> Iterable[Breach]:
        """Judge one look against the one before it."""
        yield from self._elsewhere(look)
        yield from self._written_elsewhere(look)
        yield from self._two_at_once(look)
        if before and look.database and before.database:
            for migration in sorted(look.database.applied - before.database.applied):
                if look.kinds.get(migration) == "post":
                    yield from self._post_deploy(look, migration)

    def conclude(self, last: Look) -> Iterable[Breach]:
        """Nothing of this rule is left to be seen at the end."""
        return ()

    def _elsewhere(self, look: Look) -> Iterator[Breach]:
        for host, sight in look.hosts.items():
            if host == self._fleet.blessed:
                continue
            seen = [f"process {each.pid}: {each.command}" for each in sight.processes if each.change == "migration"]
            seen += [f"log {name}" for name in sight.migration_logs]
            if seen:
                what = f"{host} runs migrations, which only {self._fleet.blessed} may"
                yield Breach(self.rule, f"elsewhere {host} {seen[0]}", look.at, host, what, tuple(seen))

    def _written_elsewhere(self, look: Look) -> Iterator[Breach]:
        for address, migration in look.database.writers if look.database else ():
            host = self._fleet.addresses.get(address, address)
            if host != self._fleet.blessed:
                what = f"{host} applied a migration, which only {self._fleet.blessed} may"
                evidence = (f"the database's log: {address} applied {migration}",)
                yield Breach(self.rule, f"written {host} {migration}", look.at, host, what, evidence)

    def _two_at_once(self, look: Look) -> Iterator[Breach]:
        running = [
            f"{host}: process {each.pid}: {each.command}"
            for host, sight in look.hosts.items()
            for each in sight.processes
            if each.change == "migration"
        ]
        if len(running) > 1:
            what = f"{len(running)} migrations run at the same time"
            yield Breach(self.rule, f"two {running}", look.at, self._fleet.blessed, what, tuple(running))

    def _post_deploy(self, look: Look, migration: str) -> Iterator[Breach]:
        missing = [*self._not_recorded(look), *self._not_on_one_version(look)]
        if missing:
            what = f"the post-deployment migration {migration} was applied although not all allowed it"
            yield Breach(self.rule, f"post {migration}", look.at, self._fleet.blessed, what, tuple(missing))

    def _not_recorded(self, look: Look) -> Iterator[str]:
        """The point of no return must stand in the journal, and who said yes to it."""
        points = [entry for entry in look.journal if _body(entry).get("kind") == "point_of_no_return"]
        version = look.hosts[self._fleet.blessed].package
        if not any(_body(entry).get("version") == version for entry in points):
            yield f"the journal has no point of no return for {version}"
        elif not self._fleet.post_deploy_by_file and not _asked_for(look.journal, points[-1].get("operation", "")):
            yield "no person asked for it: the journal has no post-deployment operation that somebody started"

    def _not_on_one_version(self, look: Look) -> Iterator[str]:
        version = look.hosts[self._fleet.blessed].package
        for host, sight in look.hosts.items():
            if (sight.package, sight.state) != (version, "installed"):
                yield f"{host} has {sight.package or 'no known version'} {sight.state}, the blessed node {version}"


def _asked_for(journal: tuple[dict[str, Any], ...], operation: str) -> bool:
    for entry in journal:
        body = _body(entry)
        if entry.get("operation") == operation and body.get("kind") == "operation_opened":
            details = body.get("details", {})
            return bool(details.get("kind") == "post_deploy" and not details.get("automatic"))
    return False


def _body(entry: dict[str, Any]) -> dict[str, Any]:
    body = entry.get("body")
    return body if isinstance(body, dict) else {}
