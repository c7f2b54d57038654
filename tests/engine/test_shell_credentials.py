"""Logins on the command line: from variables in Airflow's forms, and from the environment file."""

from pathlib import Path
from typing import Any

import pytest

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError
from takeoff.engine.shell_credentials import ShellCredentials
from tests.core.conftest import SMALL


def environment(ssh: str) -> Environment:
    return parse_environment(
        SMALL.replace("ssh: {user: takeoff, become: none}", f"ssh: {{{ssh}}}"), "lab.yml"
    ).environment


def test_without_a_connection_the_file_says_it_all() -> None:
    login = ShellCredentials({}).ssh(environment("user: deployer, port: 2222, identity_file: /keys/id"))
    assert (login.user, login.port, login.key_file) == ("deployer", 2222, Path("/keys/id"))


def test_what_the_connection_names_goes_before_the_file() -> None:
    variables = {"AIRFLOW_CONN_GSTG_SSH": "ssh://airflow@:2200/?key_file=%2Frun%2Fid"}
    login = ShellCredentials(variables).ssh(
        environment("connection: gstg_ssh, user: deployer, port: 2222, identity_file: /keys/id, known_hosts: /known")
    )
    assert (login.user, login.port, login.key_file) == ("airflow", 2200, Path("/run/id"))
    assert login.known_hosts == Path("/known")


def test_what_the_connection_leaves_out_the_file_says() -> None:
    variables = {"AIRFLOW_CONN_GSTG_SSH": '{"conn_type": "ssh", "extra": {"private_key": "KEY"}}'}
    login = ShellCredentials(variables).ssh(
        environment("connection: gstg_ssh, user: deployer, port: 2222, identity_file: /keys/id")
    )
    assert (login.user, login.port, login.key_file, login.key_text) == ("deployer", 2222, None, "KEY")


def test_without_the_variable_a_file_that_names_a_key_is_enough() -> None:
    login = ShellCredentials({}).ssh(environment("connection: gstg_ssh, user: deployer, identity_file: /keys/id"))
    assert login.user == "deployer"


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"private_key": "K", "key_file": "/id"}, "both key_file and private_key"),
        ({"no_host_key_check": "true"}, "not to check host keys"),
        ({"allow_host_key_change": True}, "not to check host keys"),
    ],
    ids=["two keys", "no check of host keys", "changed host keys taken"],
)
def test_a_connection_that_cannot_be_followed_is_refused(extra: dict[str, Any], said: str) -> None:
    import json

    variables = {"AIRFLOW_CONN_GSTG_SSH": json.dumps({"conn_type": "ssh", "extra": extra})}
    with pytest.raises(ConfigError, match=said):
        ShellCredentials(variables).ssh(environment("connection: gstg_ssh"))


def test_a_missing_connection_is_named_with_field_and_what_to_set() -> None:
    with pytest.raises(ConfigError, match=r"lab: ssh\.connection: .*'gstg_ssh'.*AIRFLOW_CONN_GSTG_SSH.*Admin"):
        ShellCredentials({}).ssh(environment("connection: gstg_ssh"))
    with pytest.raises(ConfigError, match=r"qa\.connection: .*AIRFLOW_CONN_QA"):
        ShellCredentials({}).http("qa", None, "qa.connection")


def test_a_session_is_made_as_airflow_makes_it() -> None:
    text = (
        '{"conn_type": "http", "host": "https://gitlab.example", "login": "bot", "password": "t", '
        '"extra": {"X-Team": "delivery", "verify": "/ca.pem", "timeout": 5}}'
    )
    access = ShellCredentials({"AIRFLOW_CONN_QA": text}).http("qa", None, "qa.connection")
    assert access.base_url == "https://gitlab.example"
    assert access.token == "t"
    assert access.session.auth == ("bot", "t")
    assert access.session.headers["X-Team"] == "delivery"
    assert "timeout" not in access.session.headers
    assert access.session.verify == "/ca.pem"


def test_the_files_address_goes_before_the_connections() -> None:
    credentials = ShellCredentials({"AIRFLOW_CONN_QA": "http://elsewhere"})
    assert credentials.http("qa", "https://ops.example/", "qa.connection").base_url == "https://ops.example"


def test_a_connection_without_an_address_is_said() -> None:
    with pytest.raises(ConfigError, match="names no host, and the file no `url`"):
        ShellCredentials({"AIRFLOW_CONN_QA": '{"password": "t"}'}).http("qa", None, "qa.connection")
