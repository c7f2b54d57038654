"""The lab's own curl, flock and setsid, for machines that have none: run beside the machine's, where it has them."""

import fcntl
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.lab.running import ROOT
from tests.served import ANYWHERE, Replies, served

OWN = [sys.executable, "-Es", str(ROOT / "lab/process/commands/run.py")]


def both(name: str) -> list[object]:
    """The lab's own command, and the machine's to compare it with."""
    machines = shutil.which(name)
    missing = pytest.mark.skipif(not machines, reason=f"needs {name}")
    return [pytest.param([*OWN, name], id="own"), pytest.param([str(machines)], id="machine", marks=missing)]


def run(command: list[str], *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=20, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    class Handler(Replies, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/hold":
                hold.wait(10)
            self.send_response(503 if self.path == "/bad" else 200)
            self.end_headers()
            self.wfile.write(self.headers.get("X-Say", "hello").encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(body)

    hold = threading.Event()
    with served(ThreadingHTTPServer(ANYWHERE, Handler)) as address:
        yield address
        hold.set()


@pytest.mark.parametrize("curl", both("curl"))
@pytest.mark.parametrize(
    ("arguments", "path", "expected"),
    [
        pytest.param(["-fsS"], "/", (0, "hello", ""), id="a page"),
        pytest.param(["-fsS", "-m", "5", "-H", "X-Say: you"], "/", (0, "you", ""), id="a header"),
        pytest.param(["-sS", "-d", "a=1"], "/", (0, "a=1", ""), id="a form"),
        pytest.param(["-s", "-o", os.devnull, "-w", "%{http_code}\\n"], "/bad", (0, "503\n", ""), id="the status"),
        pytest.param(["-fs"], "/bad", (22, "", ""), id="an error, silently"),
        pytest.param(["-s", "--max-time", "0.3"], "/hold", (28, "", ""), id="too late"),
    ],
)
def test_curl(curl: list[str], url: str, arguments: list[str], path: str, expected: tuple[int, str, str]) -> None:
    result = run(curl, *arguments, url + path, env={"PATH": os.environ["PATH"], "no_proxy": "*"})
    assert (result.returncode, result.stdout, result.stderr) == expected


@pytest.mark.parametrize("curl", both("curl"))
def test_curl_tells_that_nobody_listens(curl: list[str]) -> None:
    result = run(curl, "-fsS", "-w", "%{http_code}", "http://127.0.0.1:1/")
    assert (result.returncode, result.stdout) == (7, "000")
    assert result.stderr.startswith("curl: (7) Failed to connect to 127.0.0.1 port 1")


def test_the_labs_curl_finds_the_hosts_own_application_on_port_80(url: str) -> None:
    port = url.rpartition(":")[2]
    result = run([*OWN, "curl"], "-fsS", "http://localhost/", env={**os.environ, "LAB_HTTP_PORT": port})
    assert result.stdout == "hello"


@pytest.mark.parametrize("flock", both("flock"))
def test_flock_waits_for_a_lock_no_longer_than_it_is_told(flock: list[str], tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert run(flock, "-n", str(tmp_path / "lock"), "true").returncode == 1
        assert run(flock, "-w", "0.2", str(tmp_path / "lock"), "true").returncode == 1
    assert run(flock, "-n", str(tmp_path / "lock"), "sh", "-c", "exit 5").returncode == 5


@pytest.mark.parametrize("flock", both("flock"))
def test_flock_locks_an_open_file_for_the_shell_that_has_it(flock: list[str], tmp_path: Path) -> None:
    script = 'exec 9>"$1"; shift; "$@" -n 9 || exit 2; "$@" -n "$LOCK" true && exit 3; exit 0'
    path = str(tmp_path / "lock")
    result = run(["sh", "-c", script, "sh", path, *flock], env={**os.environ, "LOCK": path})
    assert result.returncode == 0


@pytest.mark.parametrize("flock", both("flock"))
def test_two_shared_locks_go_together(flock: list[str], tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        assert run(flock, "-s", "-n", str(path), "true").returncode == 0
        assert run(flock, "-n", str(path), "true").returncode == 1


@pytest.mark.parametrize("setsid", both("setsid"))
def test_setsid_leads_a_session_of_its_own(setsid: list[str]) -> None:
    program = "import os; print(os.getsid(0) == os.getpid())"
    assert run(setsid, sys.executable, "-c", program).stdout == "True\n"


@pytest.mark.parametrize("setsid", both("setsid"))
def test_setsid_passes_the_exit_status_on_when_it_waits(setsid: list[str]) -> None:
    assert run(setsid, "-w", "sh", "-c", "exit 4").returncode == 4
