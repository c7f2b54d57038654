"""Logins from Airflow's connections."""

import json

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError
from takeoff.operators.credentials import AirflowCredentials, awaited_http_access
from tests.core.conftest import SMALL


def connect(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OUTSIDE", json.dumps({"conn_type": "http"} | fields))


def test_a_connection_gives_address_token_login_and_headers(monkeypatch):
    connect(
        monkeypatch,
        schema="https",
        host="git.example",
        port=8443,
        login="ada",
        password="secret",
        extra={"X-Team": "a"},
    )
    access = AirflowCredentials().http("outside", None, "qa.connection")
    assert (access.base_url, access.token) == ("https://git.example:8443", "secret")
    assert (access.session.auth.username, access.session.headers["X-Team"]) == ("ada", "a")


async def test_a_triggerer_gets_the_same_without_blocking(monkeypatch):
    connect(monkeypatch, host="git.example", password="secret")
    access = await awaited_http_access("outside", None, "qa.connection")
    assert (access.base_url, access.token) == ("http://git.example", "secret")


def test_the_files_address_goes_before_the_connections(monkeypatch):
    connect(monkeypatch, host="git.example", password="secret")
    access = AirflowCredentials().http("outside", "http://127.0.0.1:8080/", "qa.connection")
    assert (access.base_url, access.token) == ("http://127.0.0.1:8080", "secret")


def test_an_address_alone_needs_no_connection():
    assert AirflowCredentials().http(None, "http://127.0.0.1:9093", "alerts.connection").token == ""


def test_a_missing_connection_is_named_with_how_to_make_it():
    with pytest.raises(ConfigError, match=r"qa\.connection: there is no connection 'nowhere'.*AIRFLOW_CONN_NOWHERE"):
        AirflowCredentials().http("nowhere", None, "qa.connection")


def test_a_connection_without_a_host_is_named(monkeypatch):
    connect(monkeypatch, password="secret")
    with pytest.raises(ConfigError, match=r"qa\.connection: connection 'outside' names no host, and the file no `url`"):
        AirflowCredentials().http("outside", None, "qa.connection")


def test_an_ssh_connection_completes_the_file(monkeypatch):
    text = SMALL.replace("ssh: {user: takeoff,", "ssh: {connection: outside, user: takeoff,")
    connect(monkeypatch, conn_type="ssh", login="deploy", port=2222, extra={"key_file": "/keys/id"})
    login = AirflowCredentials().ssh(parse_environment(text, "lab.yml").environment)
    assert (login.user, login.port, str(login.key_file)) == ("deploy", 2222, "/keys/id")


def test_without_an_ssh_connection_the_file_is_enough():
    assert AirflowCredentials().ssh(parse_environment(SMALL, "lab.yml").environment).user == "takeoff"
