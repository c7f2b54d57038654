import pytest

from takeoff.core.alerts import AlertsSeen, compare_alerts, read_alerts, stage_matchers
from takeoff.core.errors import SourceUntrusted


def alert(fingerprint: str, **labels: str):
    return {
        "fingerprint": fingerprint,
        "labels": {"alertname": f"Alert{fingerprint}"} | labels,
        "annotations": {"title": "web: too many errors"},
        "startsAt": "2026-11-24T14:03:00.000Z",
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": []},
    }


FIRING = read_alerts([alert("a"), alert("b")], "Alertmanager")


def test_an_alert_that_fired_before_is_told_and_not_judged():
    seen = compare_alerts(FIRING, {"a", "b"}, heartbeat=True)
    assert seen.good
    assert (
        "not judged, fired before the operation began: Alerta (web: too many errors) since 14:03 UTC" in seen.sentence
    )


def test_an_alert_that_did_not_fire_before_stops_the_deploy():
    seen = compare_alerts(FIRING, {"a"}, heartbeat=True)
    assert not seen.good
    assert seen.sentence.startswith("1 critical since the operation began: Alertb")


def test_without_a_heartbeat_no_alerts_mean_nothing():
    seen = compare_alerts((), (), heartbeat=False)
    assert not seen.good
    assert "monitoring is not working" in seen.sentence


def test_nothing_firing_while_the_heart_beats_is_good():
    assert compare_alerts((), (), heartbeat=True) == AlertsSeen((), (), heartbeat=True)
    assert compare_alerts((), (), heartbeat=True).good


def test_many_alerts_are_counted_beyond_the_first_five():
    firing = read_alerts([alert(str(number)) for number in range(8)], "Alertmanager")
    sentence = compare_alerts(firing, (), heartbeat=True).sentence
    assert sentence.startswith("8 critical")
    assert sentence.endswith("and 3 more")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": "success"}, id="an object, as API v1 answered"),
        pytest.param([{"labels": {}}], id="an alert without fingerprint"),
        pytest.param([alert("")], id="an empty fingerprint"),
        pytest.param([alert("a") | {"startsAt": "yesterday"}], id="no time"),
        pytest.param("<html>", id="text"),
        pytest.param(None, id="nothing"),
    ],
)
def test_what_is_no_list_of_alerts_is_not_believed(answer):
    with pytest.raises(SourceUntrusted, match="Alertmanager: the list of alerts has an unexpected form"):
        read_alerts(answer, "Alertmanager")


def test_the_stage_is_filled_into_matchers_and_other_braces_stay():
    matchers = ('stage="{stage}"', 'severity=~"s[12]{1}"')
    assert stage_matchers(matchers, "main") == ('stage="main"', 'severity=~"s[12]{1}"')
