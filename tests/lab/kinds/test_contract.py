"""What Takeoff, tests and the demo may rely on, whatever the hosts are made of."""

import pytest
import requests

from takeoff.core.environment_text import parse_environment
from tests.lab.running import FIRST, RunningLab, eventually

pytestmark = pytest.mark.lab


def test_dpkg_has_the_package_of_one_release_on_every_host(lab: RunningLab) -> None:
    query = "dpkg-query -W -f '${db:Status-Abbrev}${Version}' gitlab-ee"
    found = {lab.run(host.name, query).rpartition(".")[0].rpartition(".")[0] for host in lab.record.layout.hosts}
    assert found == {"ii 17.0"}
    assert lab.run("git-01", "dpkg --audit") == ""


def test_with_the_skip_file_an_upgrade_leaves_the_running_version_alone(lab: RunningLab) -> None:
    old, new = lab.version("web-01"), lab.publish_next("web-01")
    lab.install("web-01", new, "gitlab-ctl reconfigure")
    assert lab.serves("web-01", old)
    lab.run("web-01", "gitlab-ctl restart")
    eventually(lambda: lab.serves("web-01", new), "the new version serves")


def test_without_the_skip_file_the_package_reconfigures_and_restarts_by_itself(lab: RunningLab) -> None:
    new = lab.publish_next("web-01")
    lab.run("web-01", f"apt-get update -q && apt-get install -y -q gitlab-ee={new}")
    eventually(lambda: lab.serves("web-01", new), "the new version serves")


def test_a_required_stop_cannot_be_left_out(lab: RunningLab) -> None:
    lab.publish("17.3.0-ee.0")
    old = lab.version("web-01")
    said = lab.refused("web-01", "apt-get update -q; apt-get install -y -q gitlab-ee=17.3.0-ee.0", 100)
    lab.kind.repository.withdraw("17.3.0-ee.0")
    assert "It is required to upgrade to the latest 17.2.x version first" in said
    query = "dpkg-query -W -f '${Version} ${Status}' gitlab-ee"
    assert lab.run("web-01", query) == f"{old} install ok installed"


def test_only_the_blessed_node_migrates_by_itself(lab: RunningLab) -> None:
    read = 'cat "${TAKEOFF_HOST_ROOT:-}/etc/gitlab/gitlab.rb"'
    automatic = {host.name: "['auto_migrate'] = true" in lab.run(host.name, read) for host in lab.record.layout.hosts}
    assert [name for name, on in automatic.items() if on] == ["deploy-01"]
    assert "migrate gitlab-rails database" not in lab.run("web-01", "gitlab-ctl reconfigure")


def test_the_database_has_all_migrations_of_the_first_version(lab: RunningLab) -> None:
    listed = lab.run("deploy-01", "gitlab-rake db:migrate:status")
    assert "up " in listed
    assert "down " not in listed


def test_localhost_is_the_host_itself(lab: RunningLab) -> None:
    for host in ("web-01", "web-cny-01"):
        assert f'"host": "{host}"' in lab.said(host, "curl -fsS -m 5 http://localhost/api/v4/version")
        assert lab.said(host, "hostname") == host


def test_curl_tells_http_errors_by_its_exit_status(lab: RunningLab) -> None:
    result = lab.ssh("web-01", "curl -fsS -o /dev/null -w '%{http_code}' -m 5 http://localhost/nothing-here")
    assert (result.stdout, result.exit_status) == ("404", 22)


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_is_taken_out_and_put_back_over_every_nodes_socket(lab: RunningLab, state: str) -> None:
    nodes = lab.record.layout.balancers
    lab.set_server("web-cny-01", state)
    assert {lab.server(node, "web-cny-01")["status"] for node in nodes} == {state.upper()}
    lab.set_server("web-cny-01", "ready")
    lab.await_serving()


def test_an_unknown_server_is_named_as_such(lab: RunningLab) -> None:
    assert "No such server" in lab.balancer("lb-01", "set server web/web-99 state drain")


def test_users_reach_every_backend(lab: RunningLab) -> None:
    for front in lab.record.fronts.values():
        assert requests.get(f"{front.url}/api/v4/notes", timeout=5).status_code == 200


def test_alerting_has_a_heartbeat(lab: RunningLab) -> None:
    eventually(lambda: "Watchdog" in lab.alerts(), "the heartbeat in Alertmanager")


def test_the_environment_file_is_one_that_takeoff_accepts(lab: RunningLab) -> None:
    path = lab.state.folder / "environments/lab.yml"
    environment = parse_environment(path.read_text(), path.name).environment
    assert environment.fleet == tuple(host.name for host in lab.record.layout.hosts)
    for node in lab.record.layout.balancers:
        assert [str(server) for server in environment.servers_of("web-cny-01")[node]] == ["web/web-cny-01"]


def test_status_tells_versions_and_places(lab: RunningLab) -> None:
    status, version = lab.status(), lab.version("git-01")
    git = status["hosts"]["git-01"]
    assert (git["stage"], git["installed"], git["running"]) == ("main", version, version)
    assert set(git["balancer"].split(", ")) == {"UP"}
    assert status["hosts"]["sidekiq-01"]["balancer"] is None
    assert FIRST in status["versions"]


def test_status_is_a_table_for_people(lab: RunningLab) -> None:
    rows = {line.split()[0]: line.split() for line in lab.command("status").splitlines() if line.strip()}
    assert rows["git-01"][1:3] == ["main", "git"]
    assert "UP" in rows["git-01"][-1]
