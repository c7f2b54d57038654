"""Prometheus with rules on what really happens in the lab, and the Alertmanager that its alerts go to."""

from __future__ import annotations

import json

from lab.real.addresses import SERVICES, Addresses
from lab.real.servers.balancer import STATISTICS_PORT
from lab.real.servers.files import NodeFile, NodeFiles, service
from lab.state import Endpoint

ALERTMANAGER_PORT = 9093
PROMETHEUS_PORT = 9090

_ALERTMANAGER_RUN = f"""\
exec prometheus-alertmanager --config.file=/etc/prometheus/alertmanager.yml --storage.path=/var/lib/alertmanager \\
    --web.listen-address=:{ALERTMANAGER_PORT} --cluster.listen-address=
"""

_PROMETHEUS_RUN = f"""\
exec prometheus --config.file=/etc/prometheus/prometheus.yml --storage.tsdb.path=/var/lib/prometheus \\
    --storage.tsdb.retention.time=6h --rules.alert.resend-delay=1s --web.listen-address=:{PROMETHEUS_PORT}
"""

_ROUTES = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
"""Alertmanager keeps the alerts, and sends them nowhere."""


def alertmanager(addresses: Addresses) -> Endpoint:
    """Where Alertmanager listens."""
    return Endpoint(address=addresses.of(SERVICES), port=ALERTMANAGER_PORT)


def prometheus(addresses: Addresses) -> Endpoint:
    """Where Prometheus listens."""
    return Endpoint(address=addresses.of(SERVICES), port=PROMETHEUS_PORT)


def files(addresses: Addresses) -> NodeFiles:
    """Both servers' configuration and services. JSON is YAML, so it needs no other writer."""
    return {
        "etc/prometheus/prometheus.yml": NodeFile(json.dumps(_scraping(addresses), indent=1)),
        "etc/prometheus/rules.yml": NodeFile(json.dumps({"groups": [{"name": "lab", "rules": rules()}]}, indent=1)),
        "etc/prometheus/alertmanager.yml": NodeFile(json.dumps(_ROUTES)),
        **service("alertmanager", _ALERTMANAGER_RUN),
        **service("prometheus", _PROMETHEUS_RUN),
    }


def rules() -> list[dict[str, object]]:
    """The alerts: the lab's own in the label `env`.

    What never answered yet, as before the first package, is no alert. A host that is restarted within a rollout is back
    before an alert about it fires.
    """
    down, up = 'haproxy_server_status{state="DOWN"} == 1', 'haproxy_server_status{state="UP"}'
    return [
        _rule("ServerDown", f"{down} and ignoring(state) max_over_time({up}[1h]) == 1", "8s", "critical",
              "{{ $labels.server }} fails its health check on {{ $labels.instance }}"),
        _rule("HostUnreachable", "up == 0 and max_over_time(up[1h]) == 1", "10s", "critical",
              "{{ $labels.instance }} does not answer any more"),
        _rule("RequestErrors", 'sum by (proxy) (rate(haproxy_backend_http_responses_total{code="5xx"}[10s])) > 1',
              "2s", "critical", "{{ $labels.proxy }} answers with server errors"),
        _rule("MixedVersions", "count(count by (version) (gitlab_version_info)) > 1", "2s", "warning",
              "hosts run different versions"),
        _rule("Watchdog", "vector(1)", "0s", "none", "always fires: shows that alerts arrive at all"),
    ]  # fmt: skip


def _rule(name: str, expression: str, duration: str, severity: str, summary: str) -> dict[str, object]:
    labels = {"severity": severity, "env": "lab"}
    return {"alert": name, "expr": expression, "for": duration, "labels": labels, "annotations": {"summary": summary}}


def _scraping(addresses: Addresses) -> dict[str, object]:
    def targets(names: list[str], port: int, **labels: str) -> dict[str, object]:
        return {"targets": [f"{addresses.of(name)}:{port}" for name in names], "labels": labels}

    serving = [
        targets([host.name for host in hosts], 80, stage=stage, role=role)
        for stage, role, hosts in addresses.layout.groups()
    ]
    balancers = [targets(list(addresses.layout.balancers), STATISTICS_PORT)]
    return {
        "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
        "rule_files": ["/etc/prometheus/rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"localhost:{ALERTMANAGER_PORT}"]}]}]},
        "scrape_configs": [
            {"job_name": "haproxy", "static_configs": balancers},
            {"job_name": "gitlab", "metrics_path": "/-/metrics", "static_configs": serving},
        ],
    }
