"""The runtime API on the stats socket (HAProxy's management.txt, section 9.3)."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from pathlib import Path

from lab.standins.haproxy.backend import FORCED_DRAIN, FORCED_MAINTENANCE, Backend, Server
from lab.standins.haproxy.proxy import Proxy

VERSION = "2.6.12"

STAT_COLUMNS = [
    "pxname",
    "svname",
    "qcur",
    "qmax",
    "scur",
    "smax",
    "slim",
    "stot",
    "bin",
    "bout",
    "dreq",
    "dresp",
    "ereq",
    "econ",
    "eresp",
    "wretr",
    "wredis",
    "status",
    "weight",
    "act",
    "bck",
    "chkfail",
    "chkdown",
    "lastchg",
    "downtime",
    "qlimit",
    "pid",
    "iid",
    "sid",
    "throttle",
    "lbtot",
    "tracked",
    "type",
    "rate",
    "rate_lim",
    "rate_max",
    "check_status",
    "check_code",
    "check_duration",
    "hrsp_1xx",
    "hrsp_2xx",
    "hrsp_3xx",
    "hrsp_4xx",
    "hrsp_5xx",
    "hrsp_other",
    "hanafail",
    "req_rate",
    "req_rate_max",
    "req_tot",
    "cli_abrt",
    "srv_abrt",
    "comp_in",
    "comp_out",
    "comp_byp",
    "comp_rsp",
    "lastsess",
    "last_chk",
    "last_agt",
    "qtime",
    "ctime",
    "rtime",
    "ttime",
    "agent_status",
    "agent_code",
    "agent_duration",
    "check_desc",
    "agent_desc",
    "check_rise",
    "check_fall",
    "check_health",
    "agent_rise",
    "agent_fall",
    "agent_health",
    "addr",
    "cookie",
    "mode",
]

STATE_COLUMNS = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)


class RuntimeApi:
    """Answers commands: one line for each connection, several commands separated by semicolons."""

    def __init__(self, backends: Mapping[str, Backend], fronts: Mapping[str, Proxy]) -> None:
        self._backends, self._fronts, self._started = backends, fronts, time.monotonic()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        try:
            line = (await asyncio.wait_for(reader.readline(), 30)).decode().strip()
            writer.write("".join(f"{self.answer(command)}\n" for command in line.split(";") if command).encode())
            await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass
        finally:
            writer.close()

    def answer(self, command: str) -> str:
        """The answer to one command; empty after a change that was made, as in HAProxy."""
        match command.split():
            case ["show", "stat", *selection]:
                return self._stat(selection)
            case ["show", "servers", "state"]:
                return self._servers_state(list(self._backends.values()))
            case ["show", "servers", "state", name]:
                if name not in self._backends:
                    return "Can't find backend.\n"
                return self._servers_state([self._backends[name]])
            case ["show", "info", *_]:
                return self._info()
            case ["show", "backend"]:
                return "# name\n" + "".join(f"{name}\n" for name in self._backends)
            case ["set", "server", target, "state", state]:
                return self._set_state(target, state)
            case ["enable", "server", target]:
                return self._set_state(target, "ready")
            case ["disable", "server", target]:
                return self._set_state(target, "maint")
            case ["set", "server", _, *_]:
                return (
                    "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | "
                    "check-addr | check-port | fqdn | health | ssl | state | weight\n"
                )
            case _:
                return "Unknown command, but maybe one of the following ones is a better match:\n  help\n"

    def load(self, path: Path) -> None:
        """Take the administrative states over from a file that `show servers state` was saved to."""
        try:
            lines = path.read_text().splitlines()
        except OSError:
            return
        for line in lines:
            words = line.split()
            if len(words) < 7 or words[0].startswith("#"):
                continue
            backend = self._backends.get(words[1])
            if backend and (server := backend.servers.get(words[3])):
                bits = int(words[6])
                server.set_admin("maint" if bits & FORCED_MAINTENANCE else "drain" if bits & FORCED_DRAIN else "ready")

    def _set_state(self, target: str, state: str) -> str:
        name, separator, server_name = target.partition("/")
        if not separator:
            return "Require 'backend/server'.\n"
        backend = self._backends.get(name)
        if backend is None:
            return "No such backend.\n"
        server = backend.servers.get(server_name)
        if server is None:
            return "No such server.\n"
        if state not in ("ready", "drain", "maint"):
            return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"
        server.set_admin(state)
        return ""

    def _stat(self, selection: list[str]) -> str:
        """`show stat [proxy|id|-1] [type] [server]`; types: 1 frontends, 2 backends, 4 servers, -1 all."""
        which = selection[0] if selection else "-1"
        types = int(selection[1]) if len(selection) > 1 else -1
        lines = ["# " + ",".join(STAT_COLUMNS) + ","]
        for name, front in self._fronts.items():
            if types & 1 and which in ("-1", name):
                lines.append(
                    _row(pxname=name, svname="FRONTEND", scur=front.current, stot=front.total, status="OPEN", type=0)
                )
        for backend in self._backends.values():
            if which in ("-1", backend.settings.name, str(backend.number)):
                if types & 4:
                    lines += [self._server_row(backend, server) for server in backend.servers.values()]
                if types & 2:
                    lines.append(self._backend_row(backend))
        return "\n".join(lines) + "\n"

    def _server_row(self, backend: Backend, server: Server) -> str:
        return _row(
            pxname=backend.settings.name, svname=server.settings.name, qcur=0, qmax=0, scur=server.current,
            stot=server.total, status=server.status, weight=1, act=1, bck=0, chkfail=server.failed_checks,
            chkdown=server.went_down, lastchg=int(time.monotonic() - server.changed), pid=1, iid=backend.number,
            sid=server.number, type=2, check_status=server.check_status, check_code=server.check_code or "",
            **{f"hrsp_{number}xx": count for number, count in server.responses.items()},
            check_rise=backend.settings.rise, check_fall=backend.settings.fall, check_health=server.health,
            addr=f"{server.settings.address}:{server.settings.port}", mode="http",
        )  # fmt: skip

    def _backend_row(self, backend: Backend) -> str:
        servers = backend.servers.values()
        usable = sum(server.usable for server in servers)
        return _row(
            pxname=backend.settings.name, svname="BACKEND", qcur=0, scur=sum(server.current for server in servers),
            stot=sum(server.total for server in servers), status="UP" if usable else "DOWN", weight=usable, act=usable,
            bck=0, iid=backend.number, pid=1, sid=0, type=1, hrsp_5xx=backend.refused, mode="http",
        )  # fmt: skip

    def _servers_state(self, backends: list[Backend]) -> str:
        lines = ["1", f"# {STATE_COLUMNS}"]
        for backend in backends:
            for server in backend.servers.values():
                bits = {"maint": FORCED_MAINTENANCE, "drain": FORCED_DRAIN, "ready": 0}[server.admin]
                operational = 2 if server.up and server.admin != "maint" else 0
                since = int(time.monotonic() - server.changed)
                lines.append(
                    f"{backend.number} {backend.settings.name} {server.number} {server.settings.name} "
                    f"{server.settings.address} {operational} {bits} 1 1 {since} 15 3 {server.health} 6 0 0 0 - "
                    f"{server.settings.port} - 0 0 - - 0"
                )
        return "\n".join(lines) + "\n"

    def _info(self) -> str:
        sessions = sum(front.current for front in self._fronts.values())
        return (
            f"Name: HAProxy\nVersion: {VERSION}\nRelease_date: 2023/12/16\nNbthread: 1\nNbproc: 1\nProcess_num: 1\n"
            f"Pid: {os.getpid()}\nUptime_sec: {int(time.monotonic() - self._started)}\nCurrConns: {sessions}\n"
        )


def _row(**values: object) -> str:
    return ",".join(str(values.get(column, "")) for column in STAT_COLUMNS) + ","
