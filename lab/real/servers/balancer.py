"""HAProxy on a balancer node: the lab's common configuration, and figures for Prometheus."""

from __future__ import annotations

from lab.balancer import haproxy_configuration
from lab.layout import BALANCED_ROLES
from lab.real.servers.files import NodeFile, NodeFiles, service
from lab.state import Endpoint, LabRecord

SOCKET = "/run/haproxy/admin.sock"
STATE_FILE = "/var/lib/haproxy/state"
"""Loaded when HAProxy starts or reloads, if somebody wrote it; without it a reload forgets who was drained."""
PORTS = {role: 80 if role == "web" else 8000 + number for number, role in enumerate(BALANCED_ROLES)}
"""Backend → the port that users reach it on."""
STATISTICS_PORT = 8404

_STATISTICS = f"""\
frontend statistics
    bind :{STATISTICS_PORT}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /
"""

_RUN = """\
install -d -o haproxy -g haproxy /run/haproxy
exec haproxy -W -db -p /run/haproxy/pid -f /etc/haproxy/haproxy.cfg
"""


def files(record: LabRecord) -> NodeFiles:
    """HAProxy's configuration and service; the same on every balancer node."""
    fronts = {role: Endpoint(address="", port=port) for role, port in PORTS.items()}
    text = haproxy_configuration(record, fronts, SOCKET, STATE_FILE) + _STATISTICS
    return {"etc/haproxy/haproxy.cfg": NodeFile(text), **service("haproxy", _RUN)}
