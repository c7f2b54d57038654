import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.layout import MINIMUM_HOSTS, plan_layout


def test_the_default_is_thirteen_hosts_in_three_stages() -> None:
    layout = plan_layout()
    sizes = {(stage, role): len(hosts) for stage, role, hosts in layout.groups()}
    assert layout.blessed.name == "deploy-01"
    assert sizes == {
        ("shared", "gitaly"): 2,
        ("canary", "git"): 1,
        ("canary", "web"): 1,
        ("canary", "sidekiq"): 1,
        ("main", "git"): 2,
        ("main", "web"): 4,
        ("main", "sidekiq"): 1,
    }


@given(count=st.integers(MINIMUM_HOSTS, 400), balancers=st.integers(1, 3))
def test_any_size_has_every_group_and_exactly_as_many_hosts_as_asked_for(count: int, balancers: int) -> None:
    layout = plan_layout(count, balancers)
    assert len(layout.hosts) == count
    assert len(layout.balancers) == balancers
    assert len(set(layout.names)) == count + balancers
    assert all(hosts for _, _, hosts in layout.groups())


@pytest.mark.parametrize(
    ("count", "balancers", "message"),
    [
        pytest.param(7, 1, "at least 8 hosts", id="a group would be empty"),
        pytest.param(13, 0, "at least one balancer", id="no balancer"),
    ],
)
def test_a_lab_that_is_too_small_is_refused(count: int, balancers: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_layout(count, balancers)


def test_canary_and_main_share_a_backend() -> None:
    layout = plan_layout()
    assert {layout.host(name).backend for name in ("web-cny-01", "web-01")} == {"web"}
    assert layout.host("sidekiq-01").backend is None


def test_an_unknown_host_is_named_with_the_known_ones() -> None:
    with pytest.raises(KeyError, match=r"no host 'web-99'; its hosts are deploy-01, "):
        plan_layout().host("web-99")
