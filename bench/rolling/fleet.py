"""The fleet that is upgraded: real hosts of one role behind one HAProxy, and the environment file for them."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from bench.measured_lab import call_lab
from lab.environment_file import describe
from lab.layout import HostSpec, Layout
from lab.state import LabState
from takeoff.environment_files import LoadedEnvironment, load_environment

HOSTS = 60
BATCH = "10%"
BALANCER = "lb-01"
SOCKET = "/run/haproxy/admin.sock"
HEALTH_URL = "http://localhost/-/readiness?all=1"
HEALTH_INTERVAL_S = 1
PACKAGE_MIB = 2
PREPARE = ("gitlab-ctl status",)
CONFIGURE_S = float(os.environ.get("TAKEOFF_BENCH_CONFIGURE_S", "2"))
"""What a host waits while it is reconfigured, beside its work: half of it to one and a half, as hosts differ.

Cinc takes half a minute and more in production.
"""

_WAIT = "; ".join(
    (
        "number=$(uname -n)",
        "number=${number##*-}",
        "number=${number#0}",
        f"hundredths=$(({CONFIGURE_S * 100:.0f} * (50 + number * 37 % 101) / 100))",
        'sleep "$((hundredths / 100)).$((hundredths % 100 / 10))$((hundredths % 10))"',
    )
)

CONFIGURE = (_WAIT, "gitlab-ctl reconfigure")


def layout() -> Layout:
    """The blessed node, the hosts, and one host for the lab's other backend, which nobody touches."""
    web = (HostSpec(name=f"web-{number:02}", stage="main", role="web") for number in range(1, HOSTS + 1))
    blessed, other = (
        HostSpec(name="deploy-01", stage=None, role="deploy"),
        HostSpec(name="git-01", stage="main", role="git"),
    )
    return Layout(hosts=(blessed, other, *web), balancers=(BALANCER,))


def write_file(lab: LabState, path: Path) -> LoadedEnvironment:
    """Write the environment file of a running lab, with the batch and steps of the benchmark."""
    described = describe(lab.read())
    (main,) = (stage for stage in described["stages"] if stage["name"] == "main")
    described["stages"] = [{"name": "main", "roles": {"web": main["roles"]["web"]}}]
    described["load_balancers"][0]["backends"] = {"web": {"roles": ["web"]}}
    described["batch"], described["floor"] = BATCH, "50%"
    described["roles"] = {
        "web": {
            "prepare": list(PREPARE),
            "configure": list(CONFIGURE),
            "health": {"url": HEALTH_URL, "timeout": "60s", "interval": f"{HEALTH_INTERVAL_S}s"},
            "drain_timeout": "60s",
        }
    }
    path.write_text(yaml.safe_dump(described, sort_keys=False))
    return load_environment(str(path))


def publish(lab: LabState, versions: list[str]) -> None:
    """Publish versions that change no database schema."""
    for version in versions:
        call_lab(lab, "publish", version, "--size", str(PACKAGE_MIB))
