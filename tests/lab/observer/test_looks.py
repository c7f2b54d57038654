"""How the observer reads what hosts and balancers show."""

from pathlib import Path

import pytest

from lab.observer.balancer_look import parse
from lab.observer.host_look import change_of, package_of
from lab.observer.observation import floor_of
from lab.observer.sights import DatabaseSight, Look, ServerSight
from lab.observer.verdict import Verdict

RAKE = "/opt/gitlab/embedded/service/gitlab-rails/rake.py"


@pytest.mark.parametrize(
    ("command", "change"),
    [
        pytest.param(f"python3 -ESs {RAKE} db:migrate", "migration", id="rake"),
        pytest.param(f"/usr/bin/python3 -ESs {RAKE} gitlab:db:configure", "migration", id="rake of a reconfigure"),
        pytest.param(f"python3 -ESs {RAKE} db:migrate:status", None, id="rake that only looks"),
        pytest.param("/bin/sh /usr/bin/gitlab-ctl reconfigure", "reconfigure", id="reconfigure"),
        pytest.param("/bin/sh /usr/bin/gitlab-ctl status", None, id="status"),
        pytest.param("apt-get install -yq gitlab-ee=17.1.0-ee.0", "install", id="apt"),
        pytest.param("apt-get install --download-only gitlab-ee", None, id="a download"),
        pytest.param("/usr/bin/dpkg --status-fd 20 --no-triggers --unpack --auto-deconfigure x.deb", "dpkg", id="dpkg"),
        pytest.param("dpkg --audit", None, id="dpkg that only looks"),
        pytest.param("sh -c apt-get install gitlab-ee", None, id="a shell that will run it"),
    ],
)
def test_a_command_line_tells_which_change_it_makes(command: str, change: str | None) -> None:
    assert change_of(tuple(command.split())) == change


def test_the_package_is_found_among_others_in_dpkgs_status() -> None:
    text = (
        "Package: gitlab-ee-other\nStatus: install ok installed\nVersion: 1\n\n"
        "Package: gitlab-ee\nStatus: install ok half-configured\nDescription: one\n more\nVersion: 17.0.0-ee.0\n\n"
        "Package: zlib\nStatus: install ok installed\nVersion: 2\n"
    )
    assert package_of(text) == ("17.0.0-ee.0", "half-configured")
    assert package_of("Package: zlib\nStatus: install ok installed\n") == ("", "")


def test_servers_are_read_with_status_and_sessions() -> None:
    assert parse("# pxname,svname,scur,status\nweb,web-01,3,UP 1/2\n") == {"web-01": ServerSight("UP 1/2", 3)}


def test_an_answer_of_another_form_is_no_answer() -> None:
    assert parse("") is None
    assert parse("Unknown command") is None


@pytest.mark.parametrize(("share", "hosts", "count"), [("50%", 5, 3), ("0%", 5, 0), ("2", 5, 2), (1, 5, 1)])
def test_a_floor_is_rounded_up(share: str | int, hosts: int, count: int) -> None:
    assert floor_of(share, hosts) == count


def test_a_verdict_on_nothing_seen_is_not_held(tmp_path: Path) -> None:
    verdict = Verdict(())
    verdict.conclude()
    assert verdict.write(tmp_path / "verdict.json", None)["held"] is False


def test_users_failures_break_the_verdict() -> None:
    verdict = Verdict(())
    verdict.add(Look(0, {}, {}, DatabaseSight(frozenset())))
    assert verdict.described({"failed": 0})["held"] is True
    assert verdict.described({"failed": 1})["held"] is False
