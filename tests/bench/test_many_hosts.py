"""The hosts of the benchmark that goes to a thousand: a whole rollout works on them, and nothing of them stays."""

from pathlib import Path

import psutil
import pytest

from bench.__main__ import main
from bench.many_hosts.hosts import many_hosts, write_environment
from bench.many_hosts.rollout import run


async def test_a_rollout_moves_every_host_over_one_connection_each(tmp_path: Path) -> None:
    with many_hosts(3) as state:
        seen = await run(write_environment(state, 2, tmp_path))
        versions = [(state.folder / "hosts" / name / "root" / "version").read_text() for name in ("web-1", "web-2")]
    assert (seen.hosts, seen.open_connections) == (2, 3)  # the blessed node keeps the journal
    assert versions == ["17.1.0-ee.0\n"] * 2
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(state.folder) in (one.info["cmdline"] or [])]


def test_a_benchmark_that_there_is_not_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["slahs"]) == 2
    names = "dag_reading, fleet_commands, lab, packages, rolling_upgrade, scaling, slash"
    assert f"no benchmark slahs; there are {names}" in capsys.readouterr().err
