"""The stream of requests, as a process of its own: ``python -m lab.traffic.generator STATE RATE``.

Open loop: requests begin at their times whether or not earlier ones were answered, as users do. One in fifty lasts two
seconds, one in five writes, one in ten goes to the git hosts.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from lab.state import Endpoint, LabState
from lab.traffic.client import Pool, RequestFailed
from lab.traffic.report import Report

SLOW_EVERY = 50
SLOW_SECONDS = 2
WRITE_EVERY = 5
GIT_EVERY = 10
REPORT_SECONDS = 0.5


def report_path(state: LabState) -> Path:
    """Where the report lies while traffic runs and afterwards."""
    return state.path("traffic", "report.json")


class Generator:
    """Begins requests and counts how they end."""

    def __init__(self, web: Endpoint, git: Endpoint, rate: float) -> None:
        self.report = Report(rate)
        self._rate = rate
        self._pools = {"web": Pool(web), "git": Pool(git)}
        self.under_way: set[asyncio.Task[None]] = set()

    async def run(self, ending: asyncio.Event) -> None:
        """Begin requests until told to end; then wait for those under way."""
        loop = asyncio.get_running_loop()
        started, number = loop.time(), 0
        while not ending.is_set():
            while number < (loop.time() - started) * self._rate:
                task = asyncio.create_task(self._one(number))
                self.under_way.add(task)
                task.add_done_callback(self.under_way.discard)
                number += 1
            await asyncio.sleep(max(started + number / self._rate - loop.time(), 0))
        if self.under_way:
            await asyncio.wait(self.under_way)
        for pool in self._pools.values():
            pool.close()

    async def _one(self, number: int) -> None:
        role, slow, write = plan_request(number)
        request = compose(number, slow=slow, write=write)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            status, body = await self._pools[role].ask(request)
        except RequestFailed as error:
            self.report.failure(str(error), _line(role, request))
            return
        if 200 <= status < 300:
            self.report.success(_version(body), loop.time() - begun, slow=slow)
        else:
            self.report.failure(str(status), _line(role, request))


def plan_request(number: int) -> tuple[str, bool, bool]:
    """Backend, whether it is slow, whether it writes: the same for the same number."""
    return "git" if number % GIT_EVERY == 3 else "web", number % SLOW_EVERY == 7, number % WRITE_EVERY == 2


def compose(number: int, *, slow: bool, write: bool) -> bytes:
    """The bytes of one request."""
    target = "/api/v4/notes" + (f"?sleep={SLOW_SECONDS}" if slow else "")
    if not write:
        return f"GET {target} HTTP/1.1\r\nHost: lab\r\n\r\n".encode()
    body = json.dumps({"title": f"note {number}"})
    head = f"POST {target} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n{body}".encode()


def _line(role: str, request: bytes) -> str:
    return f"{role}: {request.split(b' HTTP', 1)[0].decode()}"


def _version(body: bytes) -> str:
    """The application's version without decoding the whole answer, where it stands first."""
    start = body.find(b'"version": "') + 12
    return body[start : body.find(b'"', start)].decode() if start > 11 else "unknown"


async def generate(state: LabState, rate: float) -> None:
    """Run until TERM, and leave the final report."""
    fronts = state.read().fronts
    generator, ending = Generator(fronts["web"], fronts["git"], rate), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    running = asyncio.create_task(generator.run(ending))
    while not running.done():
        generator.report.write(report_path(state), len(generator.under_way))
        await asyncio.wait([running], timeout=REPORT_SECONDS)
    await running
    generator.report.write(report_path(state), 0)


if __name__ == "__main__":
    asyncio.run(generate(LabState(Path(sys.argv[1])), float(sys.argv[2])))
