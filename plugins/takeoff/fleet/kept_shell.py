"""A shell on a host that stays for many scripts: none but the first costs a login shell, a sudo and a new sh there.

Each script runs in a subshell, so that it can change nothing for the next one. Its output ends with a line that nobody
can know beforehand, after which its exit status stands.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
from collections.abc import Sequence
from typing import NamedTuple, Self

import asyncssh

SHELL_LOOP = """
while read -r takeoff_bytes takeoff_place takeoff_input takeoff_words; do
    if [ "$takeoff_bytes" = ping ]; then
        printf '\\n%s\\n' "$1"
        continue
    fi
    [ "$takeoff_bytes" = 0 ] || eval "takeoff_text_$takeoff_place=\\$(head -c $takeoff_bytes)"
    eval "takeoff_text=\\$takeoff_text_$takeoff_place"
    case $takeoff_text in *"#$1") ;; *) exit 65 ;; esac
    if [ "$takeoff_input" = 0 ]; then
        (eval "set -- $takeoff_words"; eval "$takeoff_text") </dev/null
    else
        head -c "$takeoff_input" | {
            (eval "set -- $takeoff_words"; eval "$takeoff_text")
            takeoff_status=$?
            while read -r _; do :; done
            exit "$takeoff_status"
        }
    fi
    takeoff_status=$?
    printf '\\n%s %s\\n' "$1" "$takeoff_status"
    printf '\\n%s\\n' "$1" >&2
done
"""
"""Input that a script leaves is read to its end, or it would be taken for the next script. A text that came before is
not sent again: the shell has it in the place that it was given. Each text ends with the mark: one that a broken
connection has cut is not run."""

_PLACES = 4
"""Texts that a shell keeps; any further one takes the last place anew each time."""

_SIGNALS = range(129, 129 + 64)
"""What a shell gives as the exit status of a command that a signal has ended."""


class ScriptEnd(NamedTuple):
    """How a script ended: its status (the negative number of the signal that ended it), its output and its errors."""

    status: int
    output: bytes
    errors: bytes


class KeptShell:
    """One such shell, for one script at a time.

    Attributes:
        connection: what it runs over.
        busy: whether a script runs in it.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self.connection = connection
        self.busy = False
        self._mark = secrets.token_hex(16)
        self._places: dict[str, int] = {}
        self._output = bytearray()
        self._errors = bytearray()
        self._answer: asyncio.Future[bool] | None = None
        self._end: asyncio.Future[ScriptEnd | None] | None = None
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None

    @classmethod
    async def open(cls, connection: asyncssh.SSHClientConnection, become: Sequence[str]) -> Self:
        """Start one.

        Args:
            connection: to the host.
            become: the words of a command that makes its arguments' command run as root.

        Raises:
            asyncssh.Error: the host opens no channel.
        """
        shell = cls(connection)
        command = "exec " + shlex.join([*become, "sh", "-c", SHELL_LOOP, "takeoff", shell._mark])
        shell._channel, _ = await connection.create_session(lambda: _Session(shell), command, encoding=None)
        return shell

    @property
    def ended(self) -> bool:
        """Whether it takes no script any more."""
        return self._channel is None or self.connection.is_closed()

    async def answers(self) -> bool:
        """Ask whether it is there still: what is not sent yet may safely be sent another way."""
        if self._channel is None:
            return False
        self._answer = asyncio.get_running_loop().create_future()
        try:
            self._channel.write(b"ping\n")
        except BrokenPipeError:
            return False
        return await self._answer

    async def run(self, script: str, arguments: Sequence[str], stdin: bytes) -> ScriptEnd | None:
        """Run a script; when this is cancelled, the shell is of no use any more and must be closed.

        Returns:
            Its end, or None if the shell or the connection ended before it.
        """
        if self._channel is None:
            return None
        words = shlex.join(arguments)
        if "\n" in words:  # they stand in one line
            script, words = f"set -- {words}\n{script}", ""
        place = self._places.get(script)
        text = b"" if place is not None else f"{script}\n#{self._mark}".encode()
        if place is None:
            place = len(self._places)
            if place < _PLACES:
                self._places[script] = place
        head = f"{len(text)} {place} {len(stdin)} {words}\n".encode()
        self._end = asyncio.get_running_loop().create_future()
        self._channel.write(head + text + stdin)
        return await self._end

    def close(self) -> None:
        """End it; what runs in it may run on."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def received(self, data: bytes, *, errors: bool) -> None:
        """Take what came from the host, and look whether that was all."""
        (self._errors if errors else self._output).extend(data)
        mark = f"\n{self._mark}".encode()
        if self._answer is not None and not self._answer.done():
            if self._output.endswith(mark + b"\n"):
                self._output, self._errors = bytearray(), bytearray()
                self._answer.set_result(True)
            return
        if not data.endswith(b"\n") or self._end is None or self._end.done():
            return
        if not self._errors.endswith(mark + b"\n") or not self._output.endswith(b"\n"):
            return
        start = self._output.rfind(mark + b" ", max(0, len(self._output) - len(mark) - 8))
        if start < 0:
            return
        status = int(self._output[start + len(mark) :])
        if status in _SIGNALS:
            status = 128 - status
        self._end.set_result(ScriptEnd(status, bytes(self._output[:start]), bytes(self._errors[: -len(mark) - 1])))
        self._output, self._errors = bytearray(), bytearray()

    def lost(self) -> None:
        """Note that the host's side is gone."""
        self._channel = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(False)
        if self._end is not None and not self._end.done():
            self._end.set_result(None)


class _Session(asyncssh.SSHClientSession[bytes]):
    """Hands what comes from the host to the shell."""

    def __init__(self, shell: KeptShell) -> None:
        self._shell = shell

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._shell.received(data, errors=datatype == asyncssh.EXTENDED_DATA_STDERR)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._shell.lost()
