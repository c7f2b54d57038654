"""The fleet page in Airflow's own web UI, and its JSON and metrics with the logins that Airflow and Prometheus have."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
import requests
from playwright.sync_api import expect

from takeoff.core.control_action import ControlAction
from takeoff.core.dag_names import control_dag
from tests.airflow.browser import logged_in
from tests.airflow.conftest import METRICS_TOKEN
from tests.airflow.real_airflow import RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def known(takeoff: RealAirflow) -> RealAirflow:
    """Airflow once a task has written what it knows of the lab."""
    if not takeoff.api.variable("takeoff.hosts.lab"):
        takeoff.ends(takeoff.api.start_run(control_dag("lab"), {"action": ControlAction.LOOK.value}))
    return takeoff


def ask(airflow: RealAirflow, path: str, token: str = "") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{airflow.airflow.base_url}{path}", headers=headers, timeout=30)


def login(airflow: RealAirflow) -> str:
    """Airflow's own token for its admin."""
    given = {"username": airflow.airflow.admin.name, "password": airflow.airflow.admin.password}
    answer = requests.post(f"{airflow.airflow.base_url}/auth/token", json=given, timeout=30)
    return str(answer.json()["access_token"])


def without_role(airflow: RealAirflow) -> str:
    """A token of somebody whom Airflow knows and lets do nothing."""
    token, key = login(airflow), airflow.airflow.env["AIRFLOW__API_AUTH__JWT_SECRET"]
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    claims |= {"sub": "stranger", "role": None, "exp": int(time.time()) + 60}
    return jwt.encode(claims, key, algorithm=jwt.get_unverified_header(token)["alg"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_in_the_menu_and_shows_every_group_of_hosts(known: RealAirflow, theme: str) -> None:
    deployed = ask(known, "/takeoff/", login(known)).json()["environments"][0]["status"]["deployed"]
    with logged_in(known.airflow, theme) as (page, errors):
        page.get_by_role("link", name="Fleet").click()
        card = page.get_by_test_id("environment-lab")
        expect(card).to_contain_text(f"gitlab-ee {deployed}")
        expect(card).to_contain_text("as of")
        for group in ("deploy", "canary.web", "canary.sidekiq", "main.web", "main.sidekiq"):
            expect(card.get_by_test_id(f"group-{group}")).to_be_visible()
        expect(page.locator("html")).to_have_class(theme)
        assert errors == []


@pytest.mark.soak  # A third browser: ten seconds, most of them a wait for the page's next look.
def test_the_page_keeps_what_it_read_and_says_so_when_airflow_answers_no_more(known: RealAirflow) -> None:
    with logged_in(known.airflow, "light") as (page, _):
        page.goto("/plugin/fleet")
        expect(page.get_by_test_id("environment-lab")).to_be_visible()
        page.route("**/takeoff/", lambda route: route.fulfill(status=503))
        expect(page.get_by_test_id("takeoff-fleet")).to_contain_text("Airflow's API server answers 503")
        expect(page.get_by_test_id("environment-lab")).to_be_visible()


def test_the_json_is_for_users_who_may_read_the_deploy_dag(known: RealAirflow) -> None:
    statuses = {who: ask(known, "/takeoff/", token).status_code for who, token in tokens(known).items()}
    assert statuses == {"admin": 200, "stranger": 403, "nobody": 401, "Prometheus": 403}
    assert ask(known, "/takeoff/page/fleet.js").status_code == 401


def test_the_metrics_are_for_prometheus_alone(known: RealAirflow) -> None:
    statuses = {who: ask(known, "/takeoff/metrics", token).status_code for who, token in tokens(known).items()}
    assert statuses == {"admin": 401, "stranger": 401, "nobody": 401, "Prometheus": 200}
    assert 'takeoff_state_known{environment="lab"} 1.0' in ask(known, "/takeoff/metrics", METRICS_TOKEN).text


def tokens(airflow: RealAirflow) -> dict[str, str]:
    return {
        "admin": login(airflow),
        "stranger": without_role(airflow),
        "nobody": "",
        "Prometheus": METRICS_TOKEN,
    }
