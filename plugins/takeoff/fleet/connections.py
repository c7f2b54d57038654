"""SSH to the hosts: one connection for each, kept, made again when it is lost; host keys are always checked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import asyncssh

from takeoff.core.environment import SshSettings
from takeoff.core.errors import HostError, HostKeyRejected, HostLoginRejected, HostUnreachable
from takeoff.core.hosts import Host
from takeoff.fleet.kept_shell import KeptShell
from takeoff.fleet.protocols import Completed
from takeoff.fleet.ssh_credentials import SshCredentials

__all__ = ["SshCredentials", "SshTransport"]

CONNECTS_AT_ONCE = 200
"""Connections being made at the same time: so many that dead hosts, waited for, do not hold up the living ones."""

JUMPS_AT_ONCE = 10
"""The same through a jump host: all of them are channels of one connection there."""

CHANNELS_PER_HOST = 8
"""Commands at the same time over one connection; sshd refuses more than ``MaxSessions``, 10 by default."""

MISSED_KEEPALIVES = 3
"""Signs of life that may stay out in a row before a connection counts as lost."""

CIPHERS = "^aes256-gcm@openssh.com,aes128-gcm@openssh.com"
"""Preferred before asyncssh's own first, chacha20-poly1305, which costs three cipher contexts for each packet: a fifth
of the CPU of a rollout."""

INLINE_LIMIT = 500
"""Bytes of a script that travels in the command line, if there is no input: it costs the host one process less."""

_EVAL_INPUT = 'eval "$(head -c {bytes})"'
"""How longer scripts travel: their text comes first on standard input, and head reads no byte more."""


class SshTransport:
    """Runs scripts on the hosts of one environment; the :class:`~takeoff.fleet.protocols.Transport` of real life."""

    def __init__(self, hosts: Mapping[str, Host], settings: SshSettings, credentials: SshCredentials) -> None:
        """Read keys and known hosts; connect to nothing yet.

        Args:
            hosts: name → host; every name that :meth:`run` is given.
            settings: how to become root, and the times of the connections.
            credentials: who logs in, and how.

        Raises:
            ConfigError: a key, certificate or known_hosts file cannot be used.
        """
        self._hosts = hosts
        self._settings = settings
        self._credentials = credentials
        self._known_hosts = credentials.load_known_hosts()
        self._keys = credentials.load_keys()
        self._jump = credentials.jump()
        self._lines = {name: _Line() for name in hosts}
        self._jump_line = _Line()
        self._handshakes = asyncio.Semaphore(CONNECTS_AT_ONCE if self._jump is None else JUMPS_AT_ONCE)

    async def run(
        self, host: str, script: str, arguments: Sequence[str] = (), *, stdin: bytes = b"", timeout_s: float = 60.0
    ) -> Completed:
        """Run a script as root on a host; see :meth:`takeoff.fleet.protocols.Transport.run`."""
        try:
            async with asyncio.timeout(timeout_s), self._lines[host].channels:
                result = await self._run(host, script, arguments, stdin)
        except TimeoutError:
            raise HostUnreachable(
                host,
                f"gave no answer in {timeout_s:.0f} s; what ran there may run on: look at the host, then try again",
            ) from None
        except (OSError, asyncssh.Error) as error:
            raise HostUnreachable(host, f"the connection broke ({_reason(error)}); try again") from None
        if result is None:
            raise HostUnreachable(
                host,
                "the connection broke while a command ran; what ran there may run on: try again, it is looked at first",
            )
        self._check_root(result)
        return result

    async def _run(self, host: str, script: str, arguments: Sequence[str], stdin: bytes) -> Completed | None:
        """Run a script in the host's kept shell, or in one of its own; None if the connection broke under it."""
        shell = await self._shell_of(host)
        if shell is None:
            return await self._run_alone(host, script, arguments, stdin)
        shell.busy = True
        try:
            if await shell.answers():
                end = await shell.run(script, arguments, stdin)
                return end and Completed(host, *end)
        except BaseException:
            shell.close()
            raise
        finally:
            shell.busy = False
        return await self._run_alone(host, script, arguments, stdin)

    async def _shell_of(self, host: str) -> KeptShell | None:
        """Find the host's kept shell, or begin one if it is the second time that something runs there."""
        line, connection = self._lines[host], await self._connected(host)
        shell = line.shell
        if shell is None or shell.connection is not connection or shell.ended:
            if not line.used or line.opening:
                return None
            line.opening = True
            try:
                line.shell = shell = await KeptShell.open(connection, self._become)
            except asyncssh.ChannelOpenError:
                return None
            finally:
                line.opening = False
        return None if shell.busy else shell

    async def _run_alone(self, host: str, script: str, arguments: Sequence[str], stdin: bytes) -> Completed | None:
        text = script.encode()
        inline = not stdin and len(text) <= INLINE_LIMIT
        start = script if inline else _EVAL_INPUT.format(bytes=len(text))
        command = "exec " + shlex.join([*self._become, "sh", "-c", start, "takeoff", *arguments])
        done = await self._execute(host, command, b"" if inline else text + stdin)
        if done.exit_status is None:  # asyncssh ends a command so when the connection is lost under it
            return None
        self._lines[host].used = True
        status = -int(getattr(signal, f"SIG{done.exit_signal[0]}", 1)) if done.exit_signal else done.exit_status
        return Completed(host, status, _bytes(done.stdout), _bytes(done.stderr))

    @property
    def _become(self) -> tuple[str, ...]:
        return ("sudo", "-n", "--") if self._settings.become == "sudo" else ()

    async def _execute(self, host: str, command: str, stdin: bytes) -> asyncssh.SSHCompletedProcess:
        """Run a command; a kept connection that proves dead before the command was sent is made again, once."""
        connection = await self._connected(host)
        try:
            return await connection.run(command, input=stdin, encoding=None)
        except asyncssh.ChannelOpenError as error:
            # Only the opening itself is safe to repeat: after it the command may run already.
            if error.code != asyncssh.OPEN_CONNECT_FAILED or not connection.is_closed():
                raise
        connection = await self._connected(host)
        return await connection.run(command, input=stdin, encoding=None)

    async def _connected(self, host: str) -> asyncssh.SSHClientConnection:
        line = self._lines[host]
        async with line.connecting:
            if line.connection is None or line.connection.is_closed():
                line.connection = await self._connect(host)
            return line.connection

    async def _connect(self, host: str) -> asyncssh.SSHClientConnection:
        place = self._hosts[host]
        port = place.port or self._credentials.port
        try:
            tunnel = await self._jumped()
            async with self._handshakes:
                return await self._open(place.target, port, self._credentials.user, alias=place.name, tunnel=tunnel)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise self._translated(host, place.target, port, error) from None

    async def _jumped(self) -> asyncssh.SSHClientConnection | None:
        if self._jump is None:
            return None
        line = self._jump_line
        async with line.connecting:
            if line.connection is None or line.connection.is_closed():
                user, host, port = self._jump
                try:
                    line.connection = await self._open(host, port, user, alias=host)
                except (OSError, asyncssh.Error, TimeoutError) as error:
                    raise self._translated(f"jump host {host}", host, port, error) from None
            return line.connection

    async def _open(
        self,
        target: str,
        port: int,
        user: str | None,
        *,
        alias: str,
        tunnel: asyncssh.SSHClientConnection | None = None,
    ) -> asyncssh.SSHClientConnection:
        options: dict[str, Any] = {}
        if self._keys is not None:
            options = {"client_keys": self._keys, "agent_path": None}
        if user:
            options["username"] = user
        # A known_hosts file may call a host by its name or by its address; asyncssh looks the alias and the peer's
        # address up, so only an address that is itself a name needs help.
        if any(self._known_hosts.match(alias, "", port)[:2]):
            options["host_key_alias"] = alias
        return await asyncssh.connect(
            target,
            port,
            tunnel=tunnel or (),
            config=None,
            encryption_algs=CIPHERS,
            known_hosts=self._known_hosts,
            connect_timeout=self._settings.connect_timeout.total_seconds(),
            login_timeout=self._settings.connect_timeout.total_seconds(),
            keepalive_interval=self._settings.keepalive.total_seconds(),
            keepalive_count_max=MISSED_KEEPALIVES,
            preferred_auth="publickey",
            **options,
        )

    def _translated(self, host: str, target: str, port: int, error: Exception) -> HostError:
        """Say in one sentence what went wrong with a connection, and what to do."""
        if isinstance(error, HostError):
            return error
        at = f"{target}:{port}"
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            name, file = (target if port == 22 else f"[{target}]:{port}"), self._credentials.known_hosts_path
            known = any(any(self._known_hosts.match(key, "", port)[:2]) for key in {host, target})
            problem = (
                f"its host key is not the one in {file}: either the host was rebuilt, or something sits between; "
                f"compare fingerprints on its console, then replace the line (ssh-keygen -R '{name}' -f {file})"
                if known
                else f"no host key is known for it in {file}; compare the fingerprint on its console, then add the "
                f"line that `ssh-keyscan -p {port} {target}` prints"
            )
            return HostKeyRejected(host, problem)
        if isinstance(error, asyncssh.PermissionDenied):
            user = self._credentials.user or "the user who runs this"
            return HostLoginRejected(
                host,
                f"it refused the login of {user} at {at} ({error.reason}): put the public key into that user's "
                f"authorized_keys, or correct user and key in the ssh connection",
            )
        return HostUnreachable(host, f"no SSH connection to {at} ({_reason(error)}): is it up, and the network open?")

    def _check_root(self, result: Completed) -> None:
        """Tell sudo's refusal from the script's own failure."""
        complaint = result.error_text.strip()
        if self._settings.become != "sudo" or result.stdout:
            return
        missing = result.exit_status == 127 and "sudo" in complaint
        if missing or (result.exit_status == 1 and complaint.startswith("sudo:")):
            raise HostLoginRejected(
                result.host,
                f"the login cannot become root ({complaint.splitlines()[0]}): allow it `sudo -n` without a password "
                f"(NOPASSWD in sudoers), or set ssh.become to none if the login is root",
            )

    async def aclose(self) -> None:
        """Close every connection."""
        lines = [*self._lines.values(), self._jump_line]
        await asyncio.gather(*(line.drop(line.connection) for line in lines))


class _Line:
    """The way to one host: its connection and shell if there are any, and who may use it."""

    def __init__(self) -> None:
        self.shell: KeptShell | None = None
        self.opening = False
        self.used = False
        self.connection: asyncssh.SSHClientConnection | None = None
        self.connecting = asyncio.Lock()
        self.channels = asyncio.Semaphore(CHANNELS_PER_HOST)

    async def drop(self, connection: asyncssh.SSHClientConnection | None) -> None:
        """Close a connection, and forget it unless a newer one has taken its place."""
        if connection is None:
            return
        if self.connection is connection:
            self.connection = None
        connection.close()
        with contextlib.suppress(TimeoutError, OSError, asyncssh.Error):
            async with asyncio.timeout(2):
                await connection.wait_closed()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    text = error.reason if isinstance(error, asyncssh.Error) else ""
    return (text or str(error) or type(error).__name__).strip().rstrip(".")


def _bytes(output: object) -> bytes:
    return output if isinstance(output, bytes) else str(output or "").encode()
