"""Run the stand-in: ``python -m lab.standins.haproxy HAPROXY.CFG`` until TERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from lab.standins.haproxy.backend import Backend
from lab.standins.haproxy.configuration import Configuration, read_configuration
from lab.standins.haproxy.proxy import Proxy
from lab.standins.haproxy.runtime_api import RuntimeApi


async def serve(configuration: Configuration) -> None:
    """Serve frontends, checks and the runtime socket until TERM."""
    backends = {each.name: Backend(each, number) for number, each in enumerate(configuration.backends.values(), 3)}
    fronts: dict[str, Proxy] = {}
    for name, address, port, target in configuration.fronts:
        fronts[name] = Proxy(backends[target], configuration)
        await asyncio.start_server(fronts[name].serve, address, port, backlog=512, reuse_address=True)
    api = RuntimeApi(backends, fronts)
    if configuration.state_file:
        api.load(Path(configuration.state_file))
    folder, name = os.path.split(configuration.socket)
    if folder:
        os.chdir(folder)  # a socket's address holds about 100 characters, a lab's folder may have more
    Path(name).unlink(missing_ok=True)
    await asyncio.start_unix_server(api.serve, name)
    checks = [asyncio.create_task(backend.check_for_ever()) for backend in backends.values()]
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await ending.wait()
    for check in checks:
        check.cancel()


if __name__ == "__main__":
    asyncio.run(serve(read_configuration(Path(sys.argv[1]))))
