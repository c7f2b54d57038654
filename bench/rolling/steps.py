"""The steps on a host and on the balancer as shell text, for the bare loop and the playbook: what a person would write.

With the waits there are eight: drain, wait until no session is open, prepare, install, configure, restart, wait until
healthy, back into service. The package is in apt's cache already.
"""

from __future__ import annotations

from bench.rolling.fleet import CONFIGURE, HEALTH_INTERVAL_S, HEALTH_URL, PREPARE, SOCKET

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export PATH"
_APT = (
    "DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)

prepare = "; ".join(PREPARE)
configure = "export SKIP_POST_DEPLOYMENT_MIGRATIONS=true; " + "; ".join(CONFIGURE)
restart = "gitlab-ctl restart"
healthy = f"curl --silent --fail --max-time 10 --output /dev/null '{HEALTH_URL}'"
until_healthy = f"until {healthy}; do sleep {HEALTH_INTERVAL_S}; done"


def warmup(version: str) -> str:
    """Download the package into apt's cache."""
    return f"{_PATH}; {_APT} update && {_APT} install --download-only gitlab-ee={version}"


def install(version: str) -> str:
    """Install it while the file exists that keeps it from reconfiguring itself."""
    skip = "/etc/gitlab/skip-auto-reconfigure"
    return f"touch {skip}; {_APT} install --no-download gitlab-ee={version} && rm {skip}"


def on_host(version: str) -> str:
    """All steps of a host, from ``prepare`` until it is healthy, as one script."""
    steps = (prepare, install(version), configure, restart, until_healthy)
    return f"set -e; {_PATH}; " + "; ".join(f"{{ {step}; }} >/dev/null 2>&1" for step in steps)


def set_state(host: str, state: str) -> str:
    """Set a server's state on the balancer."""
    return f"echo 'set server web/{host} state {state}' | socat -t 5 - {SOCKET}"


show = f"echo 'show stat -1 4 -1' | socat -t 5 - {SOCKET}"
"""Every server of the balancer."""


def balancer_field(host: str, number: int) -> str:
    """Print a field of the server's line of ``show stat`` (HAProxy's Management Guide, §9.1)."""
    return f"{show} | grep '^web,{host},' | cut -d, -f{number}"


def drained(host: str) -> str:
    """Succeed once no session is open or queued (scur, qcur)."""
    return f'[ "$({balancer_field(host, 5)})" = 0 ] && [ "$({balancer_field(host, 3)})" = 0 ]'


def check_passes(host: str) -> str:
    """Succeed once the balancer's own health check passes (check_status)."""
    return f'[ "$({balancer_field(host, 37)})" = L7OK ]'


def serving(host: str) -> str:
    """Succeed once the server takes traffic (status)."""
    return f'[ "$({balancer_field(host, 18)})" = UP ]'
