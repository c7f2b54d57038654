"""The stand-in for HAProxy behaves as HAProxy does: every test runs on both, where the machine has the real one."""

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from lab.balancer import haproxy_configuration
from lab.layout import plan_layout
from lab.ports import free_ports
from lab.state import Endpoint, HostRecord, LabRecord
from tests.lab.running import ROOT, eventually

pytestmark = pytest.mark.lab

REAL = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")


class Application(ThreadingHTTPServer):
    """One server behind the balancer."""

    daemon_threads = True

    def __init__(self, name: str, port: int) -> None:
        self.ready, self.hold = True, threading.Event()
        application = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                if self.path == "/hold":
                    application.hold.wait(20)
                if self.path == "/cut":
                    self.close_connection = True
                    return
                status = 503 if self.path == "/-/readiness" and not application.ready else 200
                body = (name + self.headers.get("X-Echo", "")).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(201)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.hold.set()
        self.shutdown()
        self.server_close()


@dataclass
class Balancer:
    """A running HAProxy, real or not, before the web hosts of a small lab."""

    folder: Path
    kind: str
    record: LabRecord
    applications: dict[str, Application] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.record.fronts["web"].url

    def start(self) -> None:
        configuration = self.folder / "haproxy.cfg"
        state = str(self.folder / "state")
        configuration.write_text(haproxy_configuration(self.record, self.record.fronts, "unix@admin.sock", state))
        stand_in = [sys.executable, "-m", "lab.standins.haproxy", str(configuration)]
        command = [str(REAL), "-db", "-f", str(configuration)] if self.kind == "real" else stand_in
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.DEVNULL)
        eventually(lambda: self._answers(), "the balancer answers")

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def ask(self, command: str) -> str:
        """One command to the socket, as a deploy sends it: a relative path, since a socket's address is short."""
        with socket.socket(socket.AF_UNIX) as connection:
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                connection.connect(f"/proc/self/fd/{folder}/admin.sock")
            finally:
                os.close(folder)
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def row(self, server: str) -> dict[str, str]:
        lines = self.ask("show stat web 4 -1").removeprefix("# ").splitlines()
        rows = [dict(zip(lines[0].split(","), line.split(","), strict=False)) for line in lines[1:] if line]
        return next(row for row in rows if row["svname"] == server)

    def up(self, *servers: str) -> bool:
        return all(self.row(name)["status"] == "UP" and self.row(name)["check_status"] == "L7OK" for name in servers)

    def who(self, count: int = 12) -> set[str]:
        """Names of the servers that answer."""
        with requests.Session() as session:
            return {session.get(f"{self.url}/", timeout=10).text for _ in range(count)}

    def _answers(self) -> bool:
        try:
            return self.ask("show info").startswith("Name: HAProxy")
        except OSError:
            return False


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.skipif(not REAL, reason="needs haproxy"))])
def balancer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Balancer]:
    layout = plan_layout(8)
    ports = iter(free_ports(2 * len(layout.hosts) + 2))
    hosts = {
        host.name: HostRecord(
            ssh=Endpoint(address="127.0.0.1", port=next(ports)), http=Endpoint(address="127.0.0.1", port=next(ports))
        )
        for host in layout.hosts
    }
    fronts = {role: Endpoint(address="127.0.0.1", port=next(ports)) for role in ("web", "git")}
    record = LabRecord(kind="process", layout=layout, hosts=hosts, fronts=fronts)
    running = Balancer(tmp_path, request.param, record)
    for name in ("web-01", "web-cny-01"):
        running.applications[name] = Application(name, hosts[name].http.port)
    try:
        running.start()
        eventually(lambda: running.up("web-01", "web-cny-01"), "both servers are up")
        yield running
    finally:
        running.stop()
        for application in running.applications.values():
            application.stop()


def test_requests_go_round_over_a_kept_connection_with_headers_and_bodies(balancer: Balancer) -> None:
    assert balancer.who() == {"web-01", "web-cny-01"}
    with requests.Session() as session:
        assert session.get(f"{balancer.url}/", headers={"X-Echo": "!"}, timeout=10).text in ("web-01!", "web-cny-01!")
        large = "x" * 300_000
        answer = session.post(f"{balancer.url}/", data=large, timeout=10)
        assert (answer.status_code, answer.text) == (201, large)


def test_a_drained_server_finishes_what_it_has_and_gets_nothing_new(balancer: Balancer) -> None:
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(requests.get(f"{balancer.url}/hold", timeout=30).status_code)
    )
    asking.start()
    eventually(lambda: "1" in (balancer.row("web-01")["scur"], balancer.row("web-cny-01")["scur"]), "one is busy")
    busy, other = ("web-01", "web-cny-01") if balancer.row("web-01")["scur"] == "1" else ("web-cny-01", "web-01")
    assert balancer.ask(f"set server web/{busy} state drain").strip() == ""
    assert balancer.who() == {other}
    row = balancer.row(busy)
    assert (row["status"], row["scur"]) == ("DRAIN", "1")
    balancer.applications[busy].hold.set()
    asking.join()
    assert answers == [200]
    eventually(lambda: balancer.row(busy)["scur"] == "0", "its session has ended")


def test_a_drained_server_is_checked_on(balancer: Balancer) -> None:
    balancer.ask("set server web/web-01 state drain")
    balancer.applications["web-01"].ready = False
    eventually(lambda: balancer.row("web-01")["check_status"] == "L7STS", "the check fails")
    eventually(lambda: balancer.row("web-01")["status"].startswith("DOWN"), "it counts as down")
    balancer.applications["web-01"].ready = True
    eventually(lambda: balancer.row("web-01")["status"] == "DRAIN", "it is healthy again and still drained")
    balancer.ask("set server web/web-01 state ready")
    eventually(lambda: balancer.up("web-01"), "it serves again")
    assert balancer.who() == {"web-01", "web-cny-01"}


def test_a_server_in_maintenance_is_not_checked_and_serves_at_once_when_it_is_ready(balancer: Balancer) -> None:
    balancer.ask("set server web/web-01 state maint")
    assert balancer.row("web-01")["status"] == "MAINT"
    assert balancer.who() == {"web-cny-01"}
    balancer.ask("set server web/web-01 state ready")
    assert balancer.row("web-01")["status"].startswith("UP")


def test_a_server_that_is_not_ready_is_out_after_two_checks(balancer: Balancer) -> None:
    balancer.applications["web-01"].ready = False
    eventually(lambda: balancer.row("web-01")["status"] == "DOWN", "it is down")
    row = balancer.row("web-01")
    assert (row["check_status"], row["check_code"], row["chkdown"]) == ("L7STS", "503", "1")
    assert balancer.who() == {"web-cny-01"}


def test_without_any_server_users_get_503(balancer: Balancer) -> None:
    for name in balancer.applications:
        balancer.ask(f"set server web/{name} state maint")
    assert requests.get(f"{balancer.url}/", timeout=10).status_code == 503


def test_a_server_that_refuses_or_breaks_off_costs_the_request(balancer: Balancer) -> None:
    assert requests.get(f"{balancer.url}/cut", timeout=10).status_code == 502
    balancer.ask("set server web/web-01 state maint")
    balancer.applications["web-cny-01"].stop()
    assert requests.get(f"{balancer.url}/", timeout=10).status_code == 503


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        pytest.param("set server web/nope state drain", "No such server.", id="server"),
        pytest.param("set server nope/web-01 state drain", "No such backend.", id="backend"),
        pytest.param("set server web-01 state drain", "Require 'backend/server'.", id="form"),
        pytest.param(
            "set server web/web-01 state gone",
            "'set server <srv> state' expects 'ready', 'drain' and 'maint'.",
            id="state",
        ),
        pytest.param("show servers state nope", "Can't find backend.", id="backend to show"),
    ],
)
def test_what_cannot_be_done_is_answered_in_haproxys_words(balancer: Balancer, command: str, answer: str) -> None:
    assert balancer.ask(command).strip() == answer


def test_an_unknown_command_is_told(balancer: Balancer) -> None:
    assert balancer.ask("open sesame").startswith("Unknown command, but maybe one of")


def test_administrative_states_survive_a_restart_when_they_are_saved(balancer: Balancer) -> None:
    balancer.ask("set server web/web-01 state drain")
    balancer.ask("set server web/web-cny-01 state maint")
    text = balancer.ask("show servers state")
    assert text.splitlines()[0] == "1"
    (balancer.folder / "state").write_text(text)
    balancer.stop()
    balancer.start()
    assert balancer.row("web-01")["status"].startswith("DRAIN")
    assert balancer.row("web-cny-01")["status"] == "MAINT"


def test_the_columns_of_both_tables_are_haproxys(balancer: Balancer) -> None:
    stat, state = balancer.ask("show stat").splitlines()[0], balancer.ask("show servers state web").splitlines()[1]
    assert stat.startswith(
        "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,dreq,dresp,ereq,econ,eresp,wretr,wredis,status"
    )
    assert state.startswith(
        "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
        "srv_time_since_last_change srv_check_status"
    )


def test_several_commands_in_one_line_are_answered_in_order(balancer: Balancer) -> None:
    answer = balancer.ask("set server web/web-01 state drain; show stat web 4 -1")
    assert "web,web-01," in answer
    assert balancer.row("web-01")["status"] == "DRAIN"
