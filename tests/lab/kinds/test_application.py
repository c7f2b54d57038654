"""The deployed application: versions whose schemas really differ, and services that end as they should."""

import re
import signal
import threading

import pytest
import requests

from tests.lab.running import FIRST, RunningLab, eventually

pytestmark = pytest.mark.lab

MIGRATE = "SKIP_POST_DEPLOYMENT_MIGRATIONS=true gitlab-ctl reconfigure"
RESTART = "gitlab-ctl reconfigure && gitlab-ctl restart"


def notes(lab: RunningLab, host: str) -> int:
    return requests.get(f"{lab.record.hosts[host].http.url}/api/v4/notes", timeout=10).status_code


def write_note(lab: RunningLab, host: str) -> requests.Response:
    url = lab.record.hosts[host].http.url
    return requests.post(f"{url}/api/v4/notes", json={"title": "it's a note"}, timeout=10)


def reads_and_writes(lab: RunningLab, host: str) -> tuple[int, int]:
    return notes(lab, host), write_note(lab, host).status_code


def migrations(lab: RunningLab) -> dict[str, str]:
    """Name of each migration → up or down."""
    text = lab.run("deploy-01", "gitlab-rake db:migrate:status")
    return {name: state for state, name in re.findall(r"^ +(up|down) +\d{14}  (.+)$", text, re.MULTILINE)}


def test_the_old_version_tolerates_regular_migrations_and_fails_after_post_deploy_ones(
    lab: RunningLab, next_release: str
) -> None:
    lab.install("deploy-01", next_release, MIGRATE)
    assert migrations(lab)["Add detail 17 1 to notes"] == "up"
    assert migrations(lab)["Remove detail 17 0 from notes"] == "down"
    assert reads_and_writes(lab, "web-01") == (200, 201)

    lab.install("web-cny-01", next_release, RESTART)
    eventually(lambda: lab.serves("web-cny-01", next_release), "the new version serves")
    for host in ("web-01", "web-cny-01"):
        assert reads_and_writes(lab, host) == (200, 201)

    # back again, while only regular migrations have run
    lab.install("web-cny-01", FIRST, RESTART)
    eventually(lambda: lab.serves("web-cny-01", FIRST), "the old version serves again")
    assert reads_and_writes(lab, "web-cny-01") == (200, 201)
    lab.install("web-cny-01", next_release, RESTART)
    eventually(lambda: lab.serves("web-cny-01", next_release), "the new version serves")

    again = lab.run("deploy-01", "gitlab-ctl reconfigure")
    assert "migrate gitlab-rails database" not in again, "the marker says that this revision has migrated"
    lab.run("deploy-01", "gitlab-rake db:migrate")
    assert migrations(lab)["Remove detail 17 0 from notes"] == "up"
    assert reads_and_writes(lab, "web-01") == (500, 500)
    assert requests.get(f"{lab.record.hosts['web-01'].http.url}/-/readiness?all=1", timeout=10).status_code == 200
    assert reads_and_writes(lab, "web-cny-01") == (200, 201)


def test_gitaly_takes_up_its_new_version_by_a_reload_that_refuses_nobody(lab: RunningLab) -> None:
    new = lab.publish_next("gitaly-01")
    url, stop, answers = lab.record.hosts["gitaly-01"].http.url, threading.Event(), []

    def ask() -> None:
        while not stop.is_set():
            answers.append(requests.get(f"{url}/-/readiness", timeout=10).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        lab.install("gitaly-01", new, "gitlab-ctl reconfigure")
        eventually(lambda: f'"{new}"' in requests.get(f"{url}/-/metrics", timeout=10).text, "the new version serves")
    finally:
        stop.set()
        asking.join()
    assert len(answers) > 5
    assert set(answers) == {200}


def test_services_can_be_reloaded_where_what_boots_their_host_ignores_hangups(lab: RunningLab) -> None:
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup python -m lab up` has it
    try:
        lab.kind.power_off("gitaly-01")
        lab.kind.power_on("gitaly-01")
    finally:
        signal.signal(signal.SIGHUP, former)
    supervised = "${TAKEOFF_HOST_ROOT:-}/run/gitlab/gitaly/supervisor"
    eventually(lambda: lab.kind.run("gitaly-01", f'test -s "{supervised}"').status == 0, "its service is supervised")
    ignored = lab.run("gitaly-01", f'read -r pid <"{supervised}"; grep SigIgn /proc/$pid/status')
    assert not int(ignored.split()[1], 16) & 1 << signal.SIGHUP - 1


def test_requests_under_way_are_answered_before_a_restart(lab: RunningLab) -> None:
    url, answers = lab.record.hosts["web-01"].http.url, []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{url}/api/v4/notes?sleep=2", timeout=10).status_code)
    )
    asking.start()
    eventually(
        lambda: "http_requests_under_way 1\n" in requests.get(f"{url}/-/metrics", timeout=10).text,
        "the request is under way",
    )
    lab.run("web-01", "gitlab-ctl restart")
    asking.join()
    assert answers == [200]
    eventually(lambda: lab.serves("web-01", lab.version("web-01")), "it serves again")


def test_sidekiq_works_off_what_users_write(lab: RunningLab) -> None:
    number = write_note(lab, "web-01").json()["id"]
    url = f"{lab.record.hosts['web-01'].http.url}/api/v4/notes/{number}"
    eventually(lambda: requests.get(url, timeout=10).json()["notes"][0]["processed"], "the job is done")


def test_a_service_that_dies_is_started_again(lab: RunningLab) -> None:
    read = 'cat "${TAKEOFF_HOST_ROOT:-}/run/gitlab/puma/pid"'
    before = lab.run("web-01", read)
    lab.run("web-01", f"kill -9 {before}")
    eventually(lambda: lab.serves("web-01", lab.version("web-01")), "it serves again")
    assert lab.run("web-01", read) != before
