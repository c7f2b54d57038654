"""The forms of Airflow's web UI, as a person finds them."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from takeoff.core.dag_names import control_dag, deploy_dag
from tests.airflow.browser import logged_in
from tests.airflow.real_airflow import RealAirflow

pytestmark = [pytest.mark.airflow, pytest.mark.lab, pytest.mark.timeout(300)]


def test_what_a_person_may_leave_empty_does_not_keep_a_run_from_being_triggered(takeoff: RealAirflow) -> None:
    with logged_in(takeoff.airflow, "light") as (page, errors):
        for dag in (deploy_dag("lab"), control_dag("lab")):
            page.goto(f"/dags/{dag}")
            page.get_by_role("button", name="Trigger").click()
            form = page.get_by_role("dialog")
            expect(form.get_by_text("requested_by")).to_be_visible()
            expect(form.get_by_role("button", name="Trigger")).to_be_enabled()
        assert errors == []
