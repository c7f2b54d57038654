"""What Prometheus reads, and who may."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from takeoff.core.fleet_progress import HostState
from takeoff.core.fleet_view import Mirrored
from takeoff.web.metrics_route import metrics_route
from takeoff.web.metrics_text import metrics_text
from tests.core.journals import Journal
from tests.core.records import BEGIN
from tests.web.fleet_scene import NOW, stopped, written

KNOWN = {"lab": stopped(), "gstg": written(Journal(), "gstg"), "new": Mirrored()}


@pytest.fixture(scope="module")
def samples() -> dict[tuple[str, ...], float]:
    """Name and label values → value."""
    families = text_string_to_metric_families(metrics_text(KNOWN, NOW).decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def client_of(*tokens: str) -> TestClient:
    def known() -> Sequence[str]:
        return tokens

    app = FastAPI()
    app.include_router(metrics_route(lambda: KNOWN, known, lambda: NOW))
    return TestClient(app)


@pytest.mark.parametrize(
    ("sample", "value"),
    [
        (("takeoff_state_known", "lab"), 1),
        (("takeoff_state_known", "new"), 0),
        (("takeoff_state_age_seconds", "lab"), 30),
        (("takeoff_deployed_info", "lab", "17.1.0-ee.0"), 1),
        (("takeoff_deployed_info", "gstg", "17.0.0-ee.0"), 1),
        (("takeoff_hold", "lab"), 1),
        (("takeoff_hold", "gstg"), 0),
        (("takeoff_operation_in_progress", "lab"), 1),
        (("takeoff_operation_in_progress", "gstg"), 0),
        (("takeoff_operation_stopped", "lab"), 1),
        (("takeoff_operation_start_timestamp_seconds", "lab"), BEGIN.timestamp()),
        (("takeoff_pending_migrations", "lab"), 2),
        (("takeoff_package_source_failing", "lab"), 1),
        (("takeoff_package_source_failing", "gstg"), 0),
        (("takeoff_hosts", "lab", "in service"), 11),
        (("takeoff_hosts", "lab", "failed"), 1),
        (("takeoff_hosts", "lab", "left behind"), 0),
        (("takeoff_last_deploy_timestamp_seconds", "lab"), BEGIN.timestamp() + 120),
        (("takeoff_last_deploy_duration_seconds", "lab"), 120),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_an_environment_is_told_in_numbers(
    samples: dict[tuple[str, ...], float], sample: tuple[str, ...], value: float
) -> None:
    assert samples[sample] == value


def test_of_an_environment_that_nobody_wrote_of_nothing_is_made_up(samples: dict[tuple[str, ...], float]) -> None:
    assert {name for name, *labels in samples if labels[0] == "new"} == {
        "takeoff_state_known",
        "takeoff_package_source_failing",
    }


def test_the_number_of_series_depends_on_the_number_of_environments_alone(
    samples: dict[tuple[str, ...], float],
) -> None:
    of_lab = [sample for sample in samples if sample[1] == "lab"]
    assert len(of_lab) == 11 + len(HostState)


def test_a_version_with_quotes_in_it_stays_one_label() -> None:
    odd = KNOWN["lab"].status
    assert odd is not None
    status = odd.model_copy(update={"deployed": '1"} 1\nevil{a="b'})
    families = text_string_to_metric_families(metrics_text({"lab": Mirrored(status)}, NOW).decode())
    versions = [s.labels["version"] for f in families for s in f.samples if f.name == "takeoff_deployed_info"]
    assert versions == ['1"} 1\nevil{a="b']


@pytest.mark.parametrize("token", ["new", "old"])
def test_each_of_several_tokens_is_let_in(token: str) -> None:
    answer = client_of("new", "old").get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'takeoff_hold{environment="lab"} 1.0' in answer.text


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic right", "right", "Bearer right right", "Bearer ü"]
)
def test_nobody_else_gets_more_than_401(header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = client_of("right").get("/metrics", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "takeoff_" not in answer.text


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x"])
def test_without_a_token_set_up_nobody_is_let_in(header: str) -> None:
    assert client_of().get("/metrics", headers={"Authorization": header}).status_code == 401
