"""HAProxy's answer to ``show stat``."""

from __future__ import annotations

import pytest

from takeoff.core.balancer_settings import ServerName
from takeoff.core.balancer_status import ServerStatus, parse_servers

NAME = ServerName("web", "web-01")


def test_servers_are_read_by_the_names_of_the_columns_in_any_order() -> None:
    text = (
        "# status,svname,pxname,check_status,scur,new_field,qcur,last_chk,\n"
        "OPEN,FRONTEND,web,,9,,,,\nUP,web-01,web,* L7OK,3,x,2,,\n"
        'MAINT,web-02,web,,0,x,0,"a, quoted",\nUP,BACKEND,web,,3,,0,,\n'
    )
    servers = parse_servers(text)
    assert servers == {
        NAME: ServerStatus(NAME, "UP", 3, 2, "* L7OK"),
        ServerName("web", "web-02"): ServerStatus(ServerName("web", "web-02"), "MAINT", 0, 0, "", "a, quoted"),
    }
    assert servers[NAME].open == 5


@pytest.mark.parametrize("text", ["", "<html>502</html>", "Unknown command."])
def test_what_is_no_answer_to_show_stat_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no answer to `show stat`"):
        parse_servers(text)


@pytest.mark.parametrize(
    ("status", "serving", "maint"),
    [
        ("UP", True, False),
        ("UP 1/3", True, False),
        ("no check", True, False),
        ("DOWN", False, False),
        ("DOWN 1/2", False, False),
        ("DRAIN", False, False),
        ("NOLB", False, False),
        ("MAINT", False, True),
        ("MAINT (via web/web-02)", False, True),
        ("MAINT (resolution)", False, True),
    ],
)
def test_only_up_takes_traffic(status: str, serving: bool, maint: bool) -> None:
    assert ServerStatus(NAME, status).serving is serving
    assert ServerStatus(NAME, status).in_maint is maint


@pytest.mark.parametrize(
    ("status", "check", "passes"),
    [
        pytest.param("DRAIN", "L7OK", True, id="HTTP check"),
        pytest.param("DRAIN", "L4OK", True, id="TCP check"),
        pytest.param("DRAIN", "* L7OK", True, id="under way, the one before passed"),
        pytest.param("DRAIN", "* L7STS", False, id="under way, the one before failed"),
        pytest.param("DRAIN", "L4CON", False, id="nobody listens"),
        pytest.param("DRAIN", "INI", False, id="not asked yet"),
        pytest.param("DOWN 1/2", "L7OK", False, id="not often enough yet"),
        pytest.param("no check", "", True, id="no check of its own"),
    ],
)
def test_a_check_passes_only_when_its_last_result_is_good(status: str, check: str, passes: bool) -> None:
    assert ServerStatus(NAME, status, check=check).check_passes is passes
