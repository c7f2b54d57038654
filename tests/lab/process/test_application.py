"""The deployed application: versions whose schemas really differ, and services that end as they should."""

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.lab.running_lab import Lab, eventually

pytestmark = pytest.mark.lab

INSTALL = """
set -e
touch "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"
apt-get update -q && apt-get install -y -q --allow-downgrades gitlab-ee={version}
rm "$TAKEOFF_HOST_ROOT/etc/gitlab/skip-auto-reconfigure"
"""
MIGRATE = "SKIP_POST_DEPLOYMENT_MIGRATIONS=true gitlab-ctl reconfigure"


def notes(lab: Lab, host: str) -> requests.Response:
    return requests.get(f"{lab.record.hosts[host].http.url}/api/v4/notes", timeout=10)


def write_note(lab: Lab, host: str) -> requests.Response:
    url = lab.record.hosts[host].http.url
    return requests.post(f"{url}/api/v4/notes", json={"title": "it's a note"}, timeout=10)


def migrations(lab: Lab) -> dict[str, str]:
    """Name of each migration → up or down."""
    text = str(lab.ssh("deploy-01", "gitlab-rake db:migrate:status", check=True).stdout)
    return {name: state for state, name in re.findall(r"^ +(up|down) +\d{14}  (.+)$", text, re.MULTILINE)}


def install(lab: Lab, host: str, version: str, then: str = "true") -> str:
    return str(lab.ssh(host, INSTALL.format(version=version) + then, check=True).stdout)


def test_the_old_version_tolerates_regular_migrations_and_fails_after_post_deploy_ones(fresh_lab: Lab) -> None:
    lab = fresh_lab
    lab.publish("17.1.0-ee.0")
    install(lab, "deploy-01", "17.1.0-ee.0", MIGRATE)
    assert migrations(lab)["Add detail 17 1 to notes"] == "up"
    assert migrations(lab)["Remove detail 17 0 from notes"] == "down"
    assert (notes(lab, "web-01").status_code, write_note(lab, "web-01").status_code) == (200, 201)

    install(lab, "web-cny-01", "17.1.0-ee.0", "gitlab-ctl reconfigure && gitlab-ctl restart")
    eventually(lambda: lab.server("web-cny-01")["status"] == "UP", "the new version is in service")
    for host in ("web-01", "web-cny-01"):
        assert (notes(lab, host).status_code, write_note(lab, host).status_code) == (200, 201)

    # back again, while only regular migrations have run
    install(lab, "web-cny-01", "17.0.0-ee.0", "gitlab-ctl reconfigure && gitlab-ctl restart")
    eventually(lambda: lab.server("web-cny-01")["status"] == "UP", "the old version is back in service")
    assert (notes(lab, "web-cny-01").status_code, write_note(lab, "web-cny-01").status_code) == (200, 201)
    install(lab, "web-cny-01", "17.1.0-ee.0", "gitlab-ctl reconfigure && gitlab-ctl restart")

    again = str(lab.ssh("deploy-01", "gitlab-ctl reconfigure", check=True).stdout)
    assert "migrate gitlab-rails database" not in again, "the marker says that this revision has migrated"
    lab.ssh("deploy-01", "gitlab-rake db:migrate", check=True)
    assert migrations(lab)["Remove detail 17 0 from notes"] == "up"
    assert (notes(lab, "web-01").status_code, write_note(lab, "web-01").status_code) == (500, 500)
    assert requests.get(f"{lab.record.hosts['web-01'].http.url}/-/readiness?all=1", timeout=10).status_code == 200
    assert (notes(lab, "web-cny-01").status_code, write_note(lab, "web-cny-01").status_code) == (200, 201)


def test_an_installed_version_serves_only_after_a_restart(lab: Lab) -> None:
    lab.publish("17.0.1-ee.0")
    try:
        install(lab, "web-01", "17.0.1-ee.0", "gitlab-ctl reconfigure")
        assert notes(lab, "web-01").json()["version"] == "17.0.0-ee.0"
        lab.ssh("web-01", "gitlab-ctl restart", check=True)
        assert eventually(lambda: _version(lab, "web-01"), "it serves again") == "17.0.1-ee.0"
    finally:
        install(lab, "web-01", "17.0.0-ee.0", "gitlab-ctl reconfigure && gitlab-ctl restart")


def test_gitaly_takes_up_its_new_version_by_a_reload_that_refuses_nobody(lab: Lab) -> None:
    lab.publish("17.0.1-ee.0")
    url, stop, answers = lab.record.hosts["gitaly-01"].http.url, threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            answers.append(requests.get(f"{url}/-/readiness", timeout=10).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        install(lab, "gitaly-01", "17.0.1-ee.0", "gitlab-ctl reconfigure")
        eventually(lambda: "17.0.1" in requests.get(f"{url}/-/metrics", timeout=10).text, "the new version serves")
    finally:
        stop.set()
        asking.join()
        install(lab, "gitaly-01", "17.0.0-ee.0", "gitlab-ctl reconfigure")
    assert len(answers) > 5
    assert set(answers) == {200}


def test_requests_under_way_are_answered_before_a_restart(lab: Lab) -> None:
    url, answers = lab.record.hosts["web-01"].http.url, []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{url}/api/v4/notes?sleep=2", timeout=10).status_code)
    )
    asking.start()
    eventually(lambda: _busy(lab, "web-01"), "the request is under way")
    lab.ssh("web-01", "gitlab-ctl restart", check=True)
    asking.join()
    assert answers == [200]


def test_without_the_skip_file_the_package_reconfigures_and_restarts_by_itself(lab: Lab) -> None:
    lab.publish("17.0.1-ee.0")
    try:
        lab.ssh("web-01", "apt-get update -q && apt-get install -y gitlab-ee=17.0.1-ee.0", check=True)
        assert eventually(lambda: _version(lab, "web-01"), "it serves again") == "17.0.1-ee.0"
    finally:
        install(lab, "web-01", "17.0.0-ee.0", "gitlab-ctl reconfigure && gitlab-ctl restart")


def test_a_release_in_between_cannot_be_left_out(lab: Lab) -> None:
    lab.publish("17.3.0-ee.0")
    result = lab.ssh("web-01", "apt-get update -q; apt-get install -y gitlab-ee=17.3.0-ee.0")
    lab.kind.repository.withdraw("17.3.0-ee.0")
    assert result.exit_status == 100
    assert "It is required to upgrade to the latest 17.2.x version first" in str(result.stderr)
    assert "17.0.0-ee.0 install ok installed" in str(
        lab.ssh("web-01", "dpkg-query -Wf '${Version} ${Status}' gitlab-ee").stdout
    )


def test_two_migrations_never_run_at_once(lab: Lab, broken: Callable[..., None]) -> None:
    lab.publish("17.1.0-ee.0")
    broken("migration-endless", "deploy-01")
    install(lab, "deploy-01", "17.1.0-ee.0")
    first = (
        'setsid sh -c "gitlab-rake db:migrate; echo \\$? >\\$TAKEOFF_HOST_ROOT/tmp/first" >/dev/null 2>&1 </dev/null &'
    )
    lab.ssh(
        "deploy-01",
        f'rm -f "$TAKEOFF_HOST_ROOT/tmp/first"; export SKIP_POST_DEPLOYMENT_MIGRATIONS=true; {first}',
        check=True,
    )
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    eventually(
        lambda: str(lab.ssh("deploy-01", f'gitlab-psql -c "{held}"').stdout).strip() == "1", "the first has the lock"
    )
    second = lab.ssh("deploy-01", "gitlab-rake db:migrate")
    assert second.exit_status == 1
    assert "ActiveRecord::ConcurrentMigrationError" in str(second.stderr)
    lab.mend("migration-endless", "deploy-01")
    mark = Path(lab.record.hosts["deploy-01"].root) / "tmp/first"
    eventually(lambda: mark.exists() and mark.read_text().strip() == "0", "the first ends well")
    lab.kind.repository.withdraw("17.1.0-ee.0")


def test_sidekiq_works_off_what_users_write(lab: Lab) -> None:
    number = write_note(lab, "web-01").json()["id"]
    url = f"{lab.record.hosts['web-01'].http.url}/api/v4/notes/{number}"
    eventually(lambda: requests.get(url, timeout=10).json()["notes"][0]["processed"], "the job is done")


def test_the_blessed_node_alone_migrates(lab: Lab) -> None:
    pattern = 'grep auto_migrate "$TAKEOFF_HOST_ROOT/etc/gitlab/gitlab.rb"'
    assert "= true" in str(lab.ssh("deploy-01", pattern).stdout)
    assert "= false" in str(lab.ssh("web-01", pattern).stdout)
    assert "migrate gitlab-rails database" not in str(lab.ssh("web-01", "gitlab-ctl reconfigure", check=True).stdout)


def test_a_service_that_dies_is_started_again(lab: Lab) -> None:
    before = str(lab.ssh("web-01", 'cat "$TAKEOFF_HOST_ROOT/run/gitlab/puma/pid"', check=True).stdout)
    lab.ssh("web-01", f"kill -9 {before}", check=True)
    eventually(lambda: _version(lab, "web-01"), "it serves again")
    assert str(lab.ssh("web-01", "gitlab-ctl status", check=True).stdout) != before


def _version(lab: Lab, host: str) -> str:
    try:
        return str(notes(lab, host).json()["version"])
    except requests.RequestException:
        return ""


def _busy(lab: Lab, host: str) -> bool:
    return (
        "http_requests_under_way 1\n" in requests.get(f"{lab.record.hosts[host].http.url}/-/metrics", timeout=10).text
    )
