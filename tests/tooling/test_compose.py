"""docker-compose.yml and Dockerfile: the Compose schema, and agreement with what they stand beside."""

import importlib.resources
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from lab.airflow.environment import airflow_environment
from lab.airflow.secrets import AirflowSecrets

REPOSITORY = Path(__file__).resolve().parents[2]
COMPOSE_TEXT = (REPOSITORY / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW_SERVICES = {name: service for name, service in SERVICES.items() if name.startswith("airflow-")}
INTERPOLATION = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<default>:[-?][^}]*)?\}")


def pinned(package: str) -> str:
    """The version of a package in requirements.txt."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    assert found, f"{package} is not pinned in requirements.txt"
    return found[1]


def test_the_file_keeps_to_the_compose_specification() -> None:
    schema = importlib.resources.files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


def test_the_image_has_the_airflow_that_requirements_txt_pins() -> None:
    base = re.search(r"^FROM apache/airflow:(\S+)-python3\.11$", (REPOSITORY / "Dockerfile").read_text(), re.MULTILINE)
    assert base
    assert base[1] == pinned("apache-airflow")
    assert {service["image"] for service in AIRFLOW_SERVICES.values()} == {f"takeoff-airflow:{base[1]}"}


def test_the_image_installs_what_requirements_txt_pins_and_nothing_unchecked() -> None:
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    assert re.search(r"pip install .*--require-hashes --requirement \S+/requirements\.txt", dockerfile)
    assert dockerfile.count("pip install") == 1


@pytest.mark.parametrize("package", ["apache-airflow-providers-celery", "apache-airflow-providers-fab", "redis"])
def test_what_the_services_need_is_pinned(package: str) -> None:
    assert pinned(package)


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_healthcheck_or_ends_by_itself(name: str) -> None:
    awaited_to_its_end = {
        other
        for service in SERVICES.values()
        for other, wish in service.get("depends_on", {}).items()
        if wish["condition"] == "service_completed_successfully"
    }
    assert ("healthcheck" in SERVICES[name]) != (name in awaited_to_its_end)


def test_every_part_of_airflow_3_is_there() -> None:
    commands = {service.get("command") for service in AIRFLOW_SERVICES.values() if isinstance(service["command"], str)}
    assert commands == {"api-server", "scheduler", "dag-processor", "triggerer", "celery worker"}


@pytest.mark.parametrize("name", AIRFLOW_SERVICES)
def test_our_folders_are_mounted_read_only(name: str) -> None:
    mounts = AIRFLOW_SERVICES[name]["volumes"]
    for folder in ("dags", "plugins", "config"):
        assert f"./{folder}:/opt/airflow/{folder}:ro" in mounts
        assert (REPOSITORY / folder).is_dir()


@pytest.mark.parametrize("name", SERVICES)
def test_only_worker_and_triggerer_hold_the_fleets_keys(name: str) -> None:
    assert bool(SERVICES[name].get("secrets")) == (name in {"airflow-worker", "airflow-triggerer"})


@pytest.mark.parametrize(
    "name", [name for name, service in AIRFLOW_SERVICES.items() if name != "airflow-init"], ids=lambda name: name
)
def test_nothing_of_airflow_starts_before_the_database_is_migrated(name: str) -> None:
    assert AIRFLOW_SERVICES[name]["depends_on"]["airflow-init"] == {"condition": "service_completed_successfully"}


def test_no_secret_has_a_default() -> None:
    secret_words = re.compile(r"PASSWORD|SECRET|KEY")
    used = list(INTERPOLATION.finditer(COMPOSE_TEXT))
    assert used
    assert [
        found[0] for found in used if secret_words.search(found["name"]) and not found["default"].startswith(":?")
    ] == []


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    example = dict(
        line.split("=", 1) for line in (REPOSITORY / ".env.example").read_text().splitlines() if re.match(r"\w+=", line)
    )
    used = {found["name"]: found["default"] for found in INTERPOLATION.finditer(COMPOSE_TEXT)}
    optional = {"AIRFLOW_ADDRESS"}
    assert set(example) == set(used) - optional
    assert [name for name, default in used.items() if default.startswith(":?") and example[name]] == []


def test_no_port_is_open_to_the_world_by_default() -> None:
    assert [port for service in SERVICES.values() for port in service.get("ports", [])] == [
        "${AIRFLOW_ADDRESS:-127.0.0.1:8080}:8080"
    ]


class TestAgreementWithTheLocalAirflow:
    """What DAGs and plugins rely on is the same in the demo and in production."""

    @pytest.fixture
    def local(self, tmp_path: Path) -> dict[str, str]:
        return airflow_environment(tmp_path, tmp_path, AirflowSecrets(port=8080), "postgresql://", {}, {})

    @pytest.fixture
    def production(self) -> dict[str, str]:
        return COMPOSE["x-airflow-common"]["environment"]

    @pytest.mark.parametrize("name", ["AIRFLOW__CORE__LOAD_EXAMPLES", "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"])
    def test_settings_with_the_same_value(self, local, production, name: str) -> None:
        assert production[name] == local[name]

    @pytest.mark.parametrize(
        "name",
        [
            "TAKEOFF_ENVIRONMENTS",
            "AIRFLOW__API__SECRET_KEY",
            "AIRFLOW__API__BASE_URL",
            "AIRFLOW__API_AUTH__JWT_SECRET",
            "AIRFLOW__CORE__FERNET_KEY",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        ],
    )
    def test_settings_that_both_must_make(self, local, production, name: str) -> None:
        assert production[name]
        assert local[name]

    def test_the_connection_to_airflows_own_api_has_the_same_fields(self, local, production) -> None:
        ours, theirs = (json.loads(where["AIRFLOW_CONN_AIRFLOW_API"]) for where in (local, production))
        assert set(ours) == set(theirs)
        assert {key: ours[key] for key in ("conn_type", "schema", "login")} == {
            key: theirs[key] for key in ("conn_type", "schema", "login")
        }

    def test_every_setting_exists_in_this_airflow(self, local, production) -> None:
        airflow = importlib.resources.files("airflow")
        known = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text())
        known |= importlib.import_module("airflow.providers.celery.get_provider_info").get_provider_info()["config"]
        unknown = []
        for name in {*local, *production}:
            if name.startswith("AIRFLOW__"):
                section, option = name.removeprefix("AIRFLOW__").lower().split("__", 1)
                if option not in known.get(section, {}).get("options", {}):
                    unknown.append(name)
        assert unknown == []
