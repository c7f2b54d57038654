"""What Takeoff, tests and the demo may rely on, whatever the hosts are made of."""

from collections.abc import Callable

import asyncssh
import pytest
import requests

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab

Break = Callable[..., object]

INSTALL = "env DEBIAN_FRONTEND=noninteractive apt-get install -y -q"


def as_root(lab: RunningLab, host: str, command: str) -> asyncssh.SSHCompletedProcess:
    """Run a command over SSH as whoever may change the host."""
    sudo = "sudo -n " if lab.record.kind == "real" else ""
    return lab.ssh(host, f"{sudo}sh -c '{command}' 2>&1")


def test_every_machine_is_reached_over_ssh(lab: RunningLab) -> None:
    assert {name: lab.said(name, "echo here") for name in lab.record.layout.names} == dict.fromkeys(
        lab.record.layout.names, "here"
    )


def test_the_exit_status_comes_through(lab: RunningLab) -> None:
    assert lab.ssh("web-01", "exit 7").exit_status == 7


def test_dpkg_has_the_first_version_on_every_host(lab: RunningLab) -> None:
    query = "dpkg-query -W -f '${db:Status-Abbrev}${Version}' gitlab-ee"
    assert {lab.said(host.name, query) for host in lab.record.layout.hosts} == {"ii 17.0.0-ee.0"}


def test_a_download_changes_nothing_but_the_cache(lab: RunningLab) -> None:
    lab.kind.repository.publish("17.0.8-ee.0")
    assert as_root(lab, "git-01", "apt-get update -q").exit_status == 0
    assert as_root(lab, "git-01", f"{INSTALL} --download-only gitlab-ee=17.0.8-ee.0").exit_status == 0
    assert "17.0.8-ee.0" in lab.said("git-01", "ls ${TAKEOFF_HOST_ROOT:-}/var/cache/apt/archives")
    assert lab.said("git-01", "dpkg-query -W -f '${Version}' gitlab-ee") == "17.0.0-ee.0"


def test_with_the_skip_file_an_upgrade_leaves_the_running_version_alone(lab: RunningLab) -> None:
    old = lab.run("web-01", "dpkg-query -W -f '${Version}' gitlab-ee")
    new = lab.publish_next("web-01")
    skip = '"${TAKEOFF_HOST_ROOT:-}/etc/gitlab/skip-auto-reconfigure"'
    done = as_root(
        lab, "web-01", f"touch {skip}; apt-get update -q; {INSTALL} gitlab-ee={new}; s=$?; rm {skip}; exit $s"
    )
    assert done.exit_status == 0, done.stdout
    ask = "curl -s http://localhost/api/v4/version"
    assert f'"{old}"' in lab.kind.run("web-01", ask).output
    done = as_root(lab, "web-01", "gitlab-ctl reconfigure && gitlab-ctl restart")
    assert done.exit_status == 0, done.stdout
    eventually(lambda: f'"{new}"' in lab.kind.run("web-01", ask).output, "the new version runs")


def test_a_version_that_leaves_a_required_stop_out_is_refused(lab: RunningLab) -> None:
    lab.kind.repository.publish("17.3.0-ee.0")
    done = as_root(lab, "sidekiq-01", f"apt-get update -q; {INSTALL} gitlab-ee=17.3.0-ee.0")
    assert done.exit_status == 100
    assert "It is required to upgrade to the latest 17.2.x version first" in str(done.stdout)
    as_root(lab, "sidekiq-01", f"{INSTALL} --allow-downgrades --reinstall gitlab-ee=17.0.0-ee.0")


def test_only_the_blessed_node_migrates_by_itself(lab: RunningLab) -> None:
    read = "cat ${TAKEOFF_HOST_ROOT:-}/etc/gitlab/gitlab.rb"
    automatic = {host.name: "['auto_migrate'] = true" in lab.run(host.name, read) for host in lab.record.layout.hosts}
    assert [name for name, on in automatic.items() if on] == ["deploy-01"]


def test_the_database_has_all_migrations_of_the_first_version(lab: RunningLab) -> None:
    listed = lab.run("deploy-01", "gitlab-rake db:migrate:status")
    assert "up " in listed
    assert "down " not in listed


@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_is_taken_out_and_put_back_over_the_nodes_socket(lab: RunningLab, state: str) -> None:
    assert lab.balancer("lb-01", f"set server web/web-cny-01 state {state}").strip() == ""
    assert lab.server("lb-01", "web-cny-01")["status"] == state.upper()
    lab.balancer("lb-01", "set server web/web-cny-01 state ready")
    lab.await_serving()


def test_an_unknown_server_is_named_as_such(lab: RunningLab) -> None:
    assert "No such" in lab.balancer("lb-01", "set server web/web-99 state drain")


def test_users_reach_every_backend(lab: RunningLab) -> None:
    for front in lab.record.fronts.values():
        assert requests.get(f"{front.url}/api/v4/notes", timeout=5).status_code == 200


def test_a_host_without_power_is_not_reached_and_comes_back(lab: RunningLab, broken: Break) -> None:
    broken("power", "sidekiq-01")
    with pytest.raises((OSError, TimeoutError)):
        lab.ssh("sidekiq-01", "true")
    lab.fault("power", "sidekiq-01").lift("sidekiq-01")
    assert lab.said("sidekiq-01", "echo back") == "back"


def test_an_unreachable_host_refuses_connections(lab: RunningLab, broken: Break) -> None:
    broken("unreachable", "sidekiq-01")
    with pytest.raises((OSError, asyncssh.Error)):
        lab.ssh("sidekiq-01", "true")


def test_another_host_key_is_refused(lab: RunningLab, broken: Break) -> None:
    broken("host-key", "sidekiq-01")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        lab.ssh("sidekiq-01", "true")


def test_failing_readiness_takes_a_server_down(lab: RunningLab, broken: Break) -> None:
    broken("readiness", "web-01")
    eventually(lambda: lab.server("lb-01", "web-01")["status"] == "DOWN", "the server is down")


def test_a_critical_alert_is_active_until_it_is_mended(lab: RunningLab, broken: Break) -> None:
    broken("alert")
    eventually(lambda: "GitlabErrorRateTooHigh" in lab.alerts(), "the alert is active")
    lab.fault("alert").lift("")
    eventually(lambda: "GitlabErrorRateTooHigh" not in lab.alerts(), "the alert has ended")


def test_a_held_lock_stops_apt(lab: RunningLab, broken: Break) -> None:
    broken("lock", "sidekiq-01")
    done = as_root(lab, "sidekiq-01", f"{INSTALL} --reinstall gitlab-ee=17.0.0-ee.0")
    assert done.exit_status == 100
    assert "Could not get lock" in str(done.stdout)
