"""What a converge chooses and refuses before it opens anything."""

from __future__ import annotations

import pytest

from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError, Refused
from takeoff.core.journal_entries import LeftBehind
from takeoff.core.operation import OperationKind
from takeoff.core.preflight_report import HostsReport
from takeoff.core.record import Record
from takeoff.engine.converging import check_same, hosts_to_converge, refuse_newer
from tests.core.conftest import SMALL
from tests.core.records import adopted, fold, opened

V0, V1 = "17.0.0-ee.0", "17.1.0-ee.0"
ENVIRONMENT = parse_environment(SMALL, "lab.yml").environment


def seen(versions: dict[str, str] | None = None, serving: dict[str, str] | None = None) -> HostsReport:
    installed = dict.fromkeys(ENVIRONMENT.fleet, V0) | (versions or {})
    return HostsReport(
        findings=(),
        looked_at=ENVIRONMENT.fleet,
        installed={host: version for host, version in installed.items() if version},
        serving=serving or {},
    )


def test_where_all_is_as_recorded_no_host_is_chosen() -> None:
    assert hosts_to_converge(ENVIRONMENT, adopted(V0), seen()) == ()


@pytest.mark.parametrize(
    ("record", "report"),
    [
        pytest.param(fold(LeftBehind(host="web-01", reason="dead"), record=adopted(V0)), seen(), id="left behind"),
        pytest.param(adopted(V0), seen({"web-01": "16.11.0-ee.0"}), id="on another version"),
        pytest.param(adopted(V0), seen({"web-01": ""}), id="rebuilt, or silent"),
        pytest.param(adopted(V0), seen(serving={"web-01": "DRAIN", "web-02": "MAINT"}), id="left drained"),
    ],
)
def test_a_host_that_is_not_as_recorded_is_chosen(record: Record, report: HostsReport) -> None:
    assert hosts_to_converge(ENVIRONMENT, record, report) == ("web-01",)


def test_the_blessed_node_is_never_chosen() -> None:
    assert hosts_to_converge(ENVIRONMENT, adopted(V0), seen({"deploy-01": ""})) == ()


def test_a_host_with_a_newer_version_is_refused_and_named() -> None:
    with pytest.raises(Refused, match=f"web-01 has {V1}; only a rollback downgrades"):
        refuse_newer(("web-01", "web-02"), V0, seen({"web-01": V1}), "lab")


def test_another_converge_is_refused_while_one_is_open() -> None:
    record = fold(opened(1, V0, OperationKind.CONVERGE, converging=("web-01",)), record=adopted(V0))
    holder = record.open_operation
    assert holder is not None
    check_same(holder, ())
    check_same(holder, ("web-01",))
    with pytest.raises(ConfigError, match="`takeoff converge lab`"):
        check_same(holder, ("web-02",))
