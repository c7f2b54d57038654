import pytest
from hypothesis import given
from hypothesis import strategies as st

from takeoff.core.hosts import Host, Inventory, duplicates, expand_range


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("web-01", ["web-01"], id="no range"),
        pytest.param("web-[01:03]", ["web-01", "web-02", "web-03"], id="zeros kept"),
        pytest.param("web-[8:11]", ["web-8", "web-9", "web-10", "web-11"], id="no zeros"),
        pytest.param("web-[1:9:4].example", ["web-1.example", "web-5.example", "web-9.example"], id="steps"),
        pytest.param("db-[a:c]", ["db-a", "db-b", "db-c"], id="letters"),
        pytest.param("r[1:2]-[a:b]", ["r1-a", "r1-b", "r2-a", "r2-b"], id="two ranges"),
        pytest.param("web-[0:1]", ["web-0", "web-1"], id="a single zero is no padding"),
    ],
)
def test_ranges_are_written_out_as_ansible_does(pattern, names):
    assert expand_range(pattern) == names


@pytest.mark.parametrize("pattern", ["w[3:1]", "w[1:c]", "w[1:9:0]", "w[1:100000]"])
def test_a_range_that_makes_no_sense_is_refused(pattern):
    with pytest.raises(ValueError, match="range"):
        expand_range(pattern)


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_range_names_every_number_between_its_ends_once(first, size):
    names = expand_range(f"h[{first}:{first + size}]")
    assert [int(name[1:]) for name in names] == list(range(first, first + size + 1))


@pytest.mark.parametrize("name", ["web 01", "web;reboot", "$(id)", "-web", "", "web\n01", "a" * 254])
def test_a_name_that_a_shell_could_read_is_no_host(name):
    with pytest.raises(ValueError, match="name"):
        Host(name=name)


def test_a_host_is_reached_at_its_address_or_else_its_name():
    assert Host(name="web-01").target == "web-01"
    assert Host(name="web-01", address="10.0.0.7").target == "10.0.0.7"


@pytest.mark.parametrize("given_keys", [{}, {"file": "a", "command": ["b"]}], ids=["neither", "both"])
def test_an_inventory_has_exactly_one_origin(given_keys):
    with pytest.raises(ValueError, match="either `file` or `command`"):
        Inventory(group="web", **given_keys)


def test_duplicates_are_named_once_each():
    assert duplicates(["a", "b", "a", "c", "a", "b"]) == ["a", "b"]
