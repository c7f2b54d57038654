"""The balancers' haproxy.cfg: the same for real HAProxy and for the stand-in, on every kind of lab."""

from __future__ import annotations

from collections.abc import Mapping

from lab.layout import BALANCED_ROLES
from lab.state import Endpoint, LabRecord


def haproxy_configuration(record: LabRecord, fronts: Mapping[str, Endpoint], socket: str, state_file: str) -> str:
    """Write the configuration of one balancer node.

    Nothing is retried, so that users see every failure. A server is out after two failed checks and back after two good
    ones: there is one each second, and the one that settles a change comes after a quarter of a second.

    Args:
        record: knows where each host's application listens.
        fronts: backend → where this node takes users' requests for it.
        socket: path of the runtime socket, as HAProxy's process sees it.
        state_file: path that administrative states are loaded from after a restart or reload.
    """
    lines = [
        "global",
        f"    stats socket {socket} mode 660 level admin expose-fd listeners",
        f"    server-state-file {state_file}",
        "    stats timeout 30s",
        "    maxconn 4000",
        "defaults",
        "    mode http",
        "    timeout connect 2s",
        "    timeout client 60s",
        "    timeout server 60s",
        "    timeout queue 5s",
        "    timeout http-keep-alive 60s",
        "    retries 0",
        "    load-server-state-from-file global",
    ]
    for role in BALANCED_ROLES:
        where = fronts[role]
        lines += [f"frontend users-{role}", f"    bind {where.address}:{where.port}", f"    default_backend {role}"]
    for role in BALANCED_ROLES:
        lines += [
            f"backend {role}",
            "    balance leastconn",
            "    option httpchk GET /-/readiness",
            "    http-check expect status 200",
            "    default-server check inter 1s fastinter 250ms fall 2 rise 2 maxconn 200",
        ]
        for host in record.layout.hosts:
            if host.backend == role:
                http = record.hosts[host.name].http
                lines.append(f"    server {host.name} {http.address}:{http.port}")
    return "\n".join(lines) + "\n"
