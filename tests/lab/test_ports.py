import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab import ports
from lab.ports import PORTS, free_ports
from lab.state import LabError


@pytest.fixture(autouse=True)
def nobody_else_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_those_who_ask_at_the_same_time_are_told_different_ports() -> None:
    with ThreadPoolExecutor(8) as pool:
        told = [port for found in pool.map(lambda _: free_ports(30), range(8)) for port in found]
    assert len(set(told)) == len(told) == 240
    assert set(told) <= set(PORTS)


def test_a_port_that_somebody_listens_on_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    (busy, free) = free_ports(2)
    monkeypatch.setattr(ports, "CLAIM_SECONDS", 0)
    monkeypatch.setattr(ports, "PORTS", (busy, free))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", busy))
        assert free_ports(1) == [free]


def test_a_claim_ends_so_that_ports_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setattr(ports, "PORTS", (port,))
    with pytest.raises(LabError, match=f"only 0 free ports from {port} to {port}, not 1"):
        free_ports(1)
    later = time.time() + ports.CLAIM_SECONDS
    monkeypatch.setattr("time.time", lambda: later)
    assert free_ports(1) == [port]


def test_an_unreadable_claim_file_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / f"takeoff-ports-{os.getuid()}.json").write_text("{")
    assert len(free_ports(3)) == 3
    assert len(free_ports(3)) == 3
