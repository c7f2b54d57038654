from collections.abc import Iterator

import pytest
import requests

from takeoff.clients.json_requests import Conflict, LoginRefused, NotThere, request_json
from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted
from tests.clients.scripted_server import Answer, ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as one:
        yield one


def ask(url: str):
    with requests.Session() as session:
        return request_json(session, "the other side", "GET", url)


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        pytest.param(Answer("<html>Sign in</html>", kind="text/html"), SourceUntrusted,
                     "text/html instead of JSON ('<html>Sign in</html>')", id="a login page"),
        pytest.param(Answer("", 502, "text/html"), SourceUnavailable, "502 Bad Gateway: no text", id="a broken proxy"),
        pytest.param(Answer({"detail": "slow down"}, 429), SourceUnavailable, "429", id="too many requests"),
        pytest.param(Answer({"detail": "no"}, 401), LoginRefused, "check login and rights", id="a refused login"),
        pytest.param(Answer({"detail": "no"}, 403), ConfigError, "check login and rights", id="no right to it"),
        pytest.param(Answer({"detail": "bad matcher"}, 400), ConfigError, "bad matcher", id="a refused request"),
        pytest.param(Answer({"detail": "none"}, 404), NotThere, "404", id="nothing of that name"),
        pytest.param(Answer({"detail": "late"}, 409), Conflict, "409", id="not in a state for it"),
    ],
)  # fmt: skip
def test_each_wrong_answer_has_its_error_in_one_sentence(server, answer, error, said):
    server.answers["GET /"] = answer
    with pytest.raises(error) as caught:
        ask(f"{server.url}/")
    assert type(caught.value) is error
    assert said in str(caught.value)
    assert str(caught.value).startswith("the other side: GET http://127.0.0.1:")
    assert "\n" not in str(caught.value)


def test_nobody_listening_is_told_in_the_systems_own_words(server):
    port = int(server.url.rpartition(":")[2])
    with scripted_server() as gone:
        url = gone.url
    assert url != f"http://127.0.0.1:{port}"
    with pytest.raises(SourceUnavailable, match=r"the other side: GET .* got no answer: .*Connection refused"):
        ask(f"{url}/")


def test_a_long_answer_is_shown_in_part(server):
    server.answers["GET /"] = Answer("<p>" * 500, kind="text/html")
    with pytest.raises(SourceUntrusted) as caught:
        ask(f"{server.url}/")
    assert len(str(caught.value)) < 500


def test_a_good_answer_is_decoded_and_an_empty_one_is_none(server):
    server.answers |= {"GET /a": Answer({"a": [1]}), "GET /b": Answer(None, 204)}
    assert ask(f"{server.url}/a") == {"a": [1]}
    assert ask(f"{server.url}/b") is None
