"""The package repository and the heartbeat of alerting."""

from __future__ import annotations

from lab.kind import Fault
from lab.real.addresses import SERVICES
from lab.real.faults.scripted import scripted
from lab.real.fleet import Fleet

SLOW_BYTES_PER_SECOND = 2048

_RELOAD = 'kill -HUP "$(cat /run/nginx.pid)"'


def faults(fleet: Fleet) -> list[Fault]:
    """Repository down, slow or with a package missing; no heartbeat."""
    return [
        scripted(
            fleet,
            "repository-down",
            "the package repository refuses connections",
            "sv -w 20 down /run/services/nginx",
            "sv -w 20 up /run/services/nginx",
            SERVICES,
        ),
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
            "location ~ \\.deb$ { return 404; }",
        ),
        scripted(
            fleet,
            "heartbeat",
            "Prometheus is gone: the heartbeat alert ends, and no other would come",
            "sv -w 20 down /run/services/prometheus",
            "sv -w 20 up /run/services/prometheus",
            SERVICES,
        ),
    ]


def _nginx(fleet: Fleet, name: str, summary: str, directive: str) -> Fault:
    file = f"/etc/nginx/faults/{name}.conf"
    return scripted(
        fleet, name, summary, f"echo '{directive}' >{file} && {_RELOAD}", f"rm -f {file} && {_RELOAD}", SERVICES
    )
