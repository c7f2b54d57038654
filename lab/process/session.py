"""One command on a process-kind host: a real ``/bin/sh`` between the pipes of an SSH session."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE, Process

import asyncssh

from lab.process.host import ProcessHost

_living: set[asyncio.Task[int]] = set()
"""Commands whose session may be gone: like sshd, the server lets them run on. Without a reference asyncio ends them."""


async def run_command(session: asyncssh.SSHServerProcess[bytes], host: ProcessHost, answering: asyncio.Event) -> None:
    """Run the session's command and send back output and exit status as sshd does.

    The exit status is sent once the command has ended and its pipes are closed. If the connection is lost, the
    command's pipes are closed and it is left alone.
    """
    if session.subsystem or session.get_terminal_type():
        session.exit(127)
        return
    await answering.wait()
    command = session.command or "exec sh"
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", command, cwd=host.root, env=host.environment(), start_new_session=True,
        stdin=PIPE, stdout=PIPE, stderr=PIPE,
    )  # fmt: skip
    ended = asyncio.create_task(process.wait())
    _living.add(ended)
    ended.add_done_callback(_living.discard)
    feed = asyncio.create_task(_feed(session, process))
    try:
        await asyncio.gather(
            _drain(process, 1, session.stdout, answering), _drain(process, 2, session.stderr, answering)
        )
        status = await asyncio.shield(ended)
        await answering.wait()
        if not session.is_closing():
            session.exit(status) if status >= 0 else session.exit_with_signal(signal.Signals(-status).name[3:])
    finally:
        feed.cancel()


async def _feed(session: asyncssh.SSHServerProcess[bytes], process: Process) -> None:
    assert process.stdin is not None
    try:
        while data := await session.stdin.read(65536):
            process.stdin.write(data)
            await process.stdin.drain()
    except asyncssh.SignalReceived as received:
        os.killpg(process.pid, signal.Signals[f"SIG{received.signal}"])
    except (OSError, asyncssh.Error, asyncssh.BreakReceived, asyncssh.TerminalSizeChanged):
        pass
    finally:
        process.stdin.close()


async def _drain(process: Process, number: int, target: asyncssh.SSHWriter[bytes], answering: asyncio.Event) -> None:
    source = process.stdout if number == 1 else process.stderr
    assert source is not None
    try:
        while data := await source.read(65536):
            await answering.wait()
            target.write(data)
            await target.drain()
    except (OSError, asyncssh.Error):
        # the connection is gone: the command gets SIGPIPE when it writes on, as from sshd; asyncio's own way to close a
        # pipe of a process would kill the process
        pipe = process._transport.get_pipe_transport(number)  # type: ignore[attr-defined]
        if pipe is not None:
            pipe.close()
