"""Connections in the shell's variables mean what they mean to Airflow."""

import json

import pytest

from takeoff.core.errors import ConfigError
from takeoff.engine.connection_text import parse_connection

TEXTS = {
    "json": '{"conn_type": "http", "host": "gitlab.example", "schema": "https", "port": 8443, "password": "s3cret"}',
    "json, extra as an object": '{"conn_type": "ssh", "login": "deployer", "extra": {"key_file": "/run/id"}}',
    "json, extra as text": '{"conn_type": "ssh", "extra": "{\\"key_file\\": \\"/run/id\\"}"}',
    "json, port as text": '{"conn_type": "http", "host": "h", "port": "80"}',
    "json, nulls": '{"conn_type": "http", "host": null, "login": null, "port": null, "extra": null}',
    "uri": "http://user:pa%2Fss%40w@gitlab.example:8080/https",
    "uri, extra": "ssh://deployer@?key_file=%2Frun%2Fid&port=22",
    "uri, extra as json": "ssh://deployer@host:22/?__extra__=%7B%22key_file%22%3A+%22%2Frun%2Fid%22%7D",
    "uri, https host": "http://https://token:x@gitlab.example:443",
    "uri, host with its protocol quoted": "http://user@https%3A%2F%2Fgitlab.example",
    "uri, no host": "ssh://deployer@:2222",
    "uri, no login": "http://gitlab.example",
    "uri, IPv6": "http://user@[::1]:8080",
    "uri, upper case host": "http://user@GitLab.Example",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_it_is_read_as_airflow_reads_it(text: str) -> None:
    from airflow.sdk import Connection

    read = Connection.from_json if text.startswith("{") else Connection.from_uri
    theirs = read(text, conn_id="x")
    ours = parse_connection(text, "AIRFLOW_CONN_X")

    assert ours.host == (theirs.host or "")
    assert ours.login == (theirs.login or "")
    assert ours.password == (theirs.password or "")
    assert ours.schema == (theirs.schema or "")
    assert ours.port == theirs.port
    assert dict(ours.extra) == (json.loads(theirs.extra) if theirs.extra else {})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (TEXTS["json"], "https://gitlab.example:8443"),
        (TEXTS["uri"], "https://gitlab.example:8080"),
        (TEXTS["uri, https host"], "https://gitlab.example:443"),
        (TEXTS["uri, no login"], "http://gitlab.example"),
        ('{"host": "https://gitlab.example/"}', "https://gitlab.example"),
        (TEXTS["uri, no host"], ""),
    ],
)
def test_an_http_address_is_put_together_as_the_http_hook_does(text: str, url: str) -> None:
    assert parse_connection(text, "X").base_url == url


@pytest.mark.parametrize(
    "text",
    ["s3cret", '{"password": "s3cret"', "http://u:s3cret@host:port", '{"extra": "s3cret"}', '["s3cret"]'],
    ids=["a bare word", "cut JSON", "a port that is none", "extra that is no JSON", "a list"],
)
def test_what_is_no_connection_is_said_without_the_secret(text: str) -> None:
    with pytest.raises(ConfigError, match="AIRFLOW_CONN_QA: is neither") as error:
        parse_connection(text, "AIRFLOW_CONN_QA")
    assert "s3cret" not in str(error.value)


def test_a_connection_shows_no_secret_when_printed() -> None:
    assert "s3cret" not in repr(parse_connection(TEXTS["json"], "X"))
