"""Hosts without SSH: each is a folder, and scripts run in a real shell, as `SshTransport` would have them run."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from takeoff.core.errors import HostUnreachable
from takeoff.fleet.protocols import Completed


class ShellHosts:
    """A Transport whose hosts are folders below one folder.

    Attributes:
        down: hosts that give no answer.
        calls: host and verb of every call so far.
        path: where the hosts' shells look for programs.
        lose_answers: how many of the next calls run, but their answers are lost on the way.
    """

    def __init__(self, folder: Path, shell: str = "dash") -> None:
        self.folder = folder
        self.down: set[str] = set()
        self.lose_answers = 0
        self.calls: list[tuple[str, str]] = []
        self.path = os.environ["PATH"]
        program = shutil.which(shell)
        assert program, f"{shell} is needed"
        # The script's own `sh` must be the same shell.
        self._bin = folder / "bin"
        self._bin.mkdir(parents=True)
        (self._bin / "sh").symlink_to(program)

    def root(self, host: str) -> Path:
        return self.folder / host

    def state(self, host: str) -> Path:
        return self.root(host) / "var/lib/takeoff/lab"

    def reboot(self, host: str) -> None:
        """Give the host another boot id, as a reboot does; its processes must have been killed before."""
        boot_id = self.root(host) / "proc/sys/kernel/random/boot_id"
        boot_id.parent.mkdir(parents=True, exist_ok=True)
        boot_id.write_text(f"{os.urandom(8).hex()}\n")

    def command(self, script: bytes, arguments: Sequence[str]) -> list[str]:
        """The command line that a script is given to, on standard input, before its own input."""
        return [str(self._bin / "sh"), "-c", f'eval "$(head -c {len(script)})"', "takeoff", *arguments]

    def variables(self, host: str) -> dict[str, str]:
        """The environment of a host's commands."""
        root = self.root(host)
        return {"PATH": f"{root}/bin:{self._bin}:{self.path}", "TAKEOFF_HOST_ROOT": str(root)}

    async def run(
        self, host: str, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Completed:
        self.calls.append((host, arguments[0] if arguments else ""))
        if host in self.down:
            raise HostUnreachable(host, "is down")
        self.root(host).mkdir(parents=True, exist_ok=True)
        text = script.encode()
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                *self.command(text, arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self.variables(host),
                start_new_session=True,
            )
        )
        try:
            # Shielded: cancelled before its pipes are connected, asyncio waits for ever (python/cpython#103847).
            process = await asyncio.shield(starting)
            async with asyncio.timeout(timeout_s):
                stdout, stderr = await process.communicate(text + stdin)
        except BaseException:
            process = await starting
            with suppress(ProcessLookupError):  # it may have ended in this moment
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        if self.lose_answers:
            self.lose_answers -= 1
            raise HostUnreachable(host, "the answer was lost")
        assert process.returncode is not None
        return Completed(host, process.returncode, stdout, stderr)

    async def aclose(self) -> None:
        """Nothing is kept open."""
