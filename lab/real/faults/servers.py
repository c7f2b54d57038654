"""The package repository, and what watches: Prometheus, Alertmanager, GitLab."""

from __future__ import annotations

import functools

from lab.kind import Fault
from lab.real.addresses import SERVICES
from lab.real.faults.scripted import run, scripted
from lab.real.fleet import Fleet
from lab.real.servers import alerts, repository
from lab.real.servers.repository import FAULTS, PUBLIC
from lab.repository import SUITE
from lab.services import READY_PATHS, Services
from lab.spawn import answers, wait_until
from lab.state import Endpoint, LabState

SLOW_BYTES_PER_SECOND = 2048

_RELOAD = """
workers=$(pgrep -P "$(cat /run/nginx.pid)" || :)
kill -HUP "$(cat /run/nginx.pid)"
for worker in $workers; do
    while ps -o args= -p "$worker" | grep -qv 'shutting down'; do sleep 0.02; done
done
"""
"""Done when none of the old workers takes requests any more."""
_OTHER = "/var/lib/aptly-other"
"""What nginx serves instead of the repository's own files."""

_CORRUPT = f"""
set -eu
mkdir -p {_OTHER}
rm -rf {_OTHER}/pool && cp -a {PUBLIC}/pool {_OTHER}/pool
find {_OTHER}/pool -name '*.deb' | while read -r file; do
    printf 'altered' | dd of="$file" bs=1 seek=2000 conv=notrunc 2>/dev/null
done
"""

_SIGN_WRONGLY = f"""
set -eu
mkdir -p {_OTHER}/dists/{SUITE}
export GNUPGHOME=$(mktemp -d)
gpg --batch --quiet --passphrase '' --quick-gen-key 'Somebody else <other@takeoff.invalid>' rsa3072 sign 0
gpg --batch --quiet --yes --clearsign -o {_OTHER}/dists/{SUITE}/InRelease {PUBLIC}/dists/{SUITE}/Release
gpg --batch --quiet --yes --detach-sign --armor -o {_OTHER}/dists/{SUITE}/Release.gpg {PUBLIC}/dists/{SUITE}/Release
gpgconf --kill gpg-agent; rm -rf "$GNUPGHOME"
"""


def faults(fleet: Fleet) -> list[Fault]:
    """Down, slow, with files missing, altered or wrongly signed; alerting without heartbeat, or without answers."""
    signature = f"location ~ ^/dists/{SUITE}/(InRelease|Release.gpg)$ {{ root {_OTHER}; }}"
    return [
        _nginx(
            fleet,
            "repository-slow",
            f"the package repository sends {SLOW_BYTES_PER_SECOND} bytes in a second",
            f"limit_rate {SLOW_BYTES_PER_SECOND};",
        ),
        _nginx(
            fleet,
            "repository-404",
            "the package repository lists its packages, and has none of the files",
            "location ~ .deb$ { return 404; }",
        ),
        _nginx(
            fleet,
            "repository-corrupt",
            "packages arrive altered",
            f"location ~ .deb$ {{ root {_OTHER}; }}",
            prepare=_CORRUPT,
        ),
        _nginx(
            fleet,
            "repository-unsigned",
            "the repository's index is signed by a key that nobody trusts",
            signature,
            prepare=_SIGN_WRONGLY,
        ),
        _stopped(
            fleet,
            "repository-down",
            "the package repository refuses connections",
            "nginx",
            repository.endpoint(fleet.addresses),
            READY_PATHS["repository"],
        ),
        _stopped(
            fleet,
            "alertmanager-down",
            "Alertmanager refuses connections",
            "alertmanager",
            alerts.alertmanager(fleet.addresses),
            "/-/ready",
        ),
        _stopped(
            fleet,
            "heartbeat",
            "Prometheus is gone: the alert that always fires ends, and no other comes",
            "prometheus",
            alerts.prometheus(fleet.addresses),
            "/-/ready",
        ),
        _gitlab_down(fleet),
    ]


def _gitlab_down(fleet: Fleet) -> Fault:
    """GitLab runs on this machine, beside the hosts."""
    state = LabState(fleet.folder)

    def start(_: str) -> None:
        record = state.read()
        Services(state).start_one(record, "gitlab")
        if endpoint := record.gitlab:
            ready = functools.partial(answers, endpoint, READY_PATHS["gitlab"])
            wait_until(ready, "GitLab", state.path("log", "gitlab.log"))

    return Fault(
        "gitlab-down",
        "nobody listens on GitLab's port",
        False,
        lambda _: Services(state).stop_one(state.read(), "gitlab"),
        start,
    )


def _stopped(fleet: Fleet, name: str, summary: str, service: str, endpoint: Endpoint, path: str) -> Fault:
    """A server that is stopped; mended once it answers again."""
    where = f"/run/services/{service}"

    def stop(_: str) -> None:
        run(fleet, SERVICES, f"sv -w 20 down {where}")

    def start(_: str) -> None:
        run(fleet, SERVICES, f"sv -w 20 up {where}")
        log = fleet.folder / "log" / f"{SERVICES}.log"
        wait_until(functools.partial(answers, endpoint, path), service, log)

    return Fault(name, summary, False, stop, start)


def _nginx(fleet: Fleet, name: str, summary: str, directive: str, *, prepare: str = "") -> Fault:
    file = f"{FAULTS}/{name}.conf"
    return scripted(
        fleet,
        name,
        summary,
        f"{prepare}\necho '{directive}' >{file}\n{_RELOAD}",
        f"rm -f {file}\n{_RELOAD}",
        SERVICES,
    )
