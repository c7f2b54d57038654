"""Calls of the script in ``host/``, which travels to the hosts: what goes in, what comes out, what its exits mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from takeoff.core.environment import Environment
from takeoff.core.errors import AuthorityDoubtful, CommandFailed, HostError, HostUnfenced, Superseded
from takeoff.core.operation import Lease
from takeoff.fleet.protocols import Transport

_PARTS = ("state", "fence", "jobs", "facts", "balancer", "journal", "verbs")

HOST_SCRIPT = "\n".join(
    resources.files("takeoff.fleet").joinpath("host", f"{part}.sh").read_text(encoding="utf-8") for part in _PARTS
)
"""The script that travels: the files of ``host/`` one after the other; the last one calls the verb."""

ANSWER = b"takeoff1 "
"""What every answer's first line begins with; whatever a login shell prints before it is skipped."""

MOVED = 82
"""Exit status: the journal is not as long, or does not end, as the caller believes."""

_SUPERSEDED, _OTHER_AUTHORITY, _UNFENCED = 80, 81, 83


@dataclass(frozen=True)
class Answer:
    """What a host answered.

    Attributes:
        host: which host it was.
        exit_status: 0, or ``MOVED`` where the call allows it.
        fields: the ``key=value`` words of its first line.
        data: the bytes after that line, such as a piece of a log.
    """

    host: str
    exit_status: int
    fields: Mapping[str, str]
    data: bytes

    def number(self, key: str) -> int:
        """Read a field that holds a whole number; 0 if it is empty or missing."""
        return int(self.fields.get(key) or 0)


def lease_arguments(lease: Lease) -> tuple[str, str]:
    """Name a lease as the changing verbs take it: its epoch, and the authority's id before those it succeeded."""
    return str(lease.epoch), ",".join((lease.authority, *lease.predecessors))


class HostScript:
    """Calls the script's verbs on the hosts of one environment."""

    def __init__(self, transport: Transport, environment: Environment) -> None:
        self.transport = transport
        self.environment = environment

    async def call(
        self, host: str, verb: str, *arguments: str, stdin: bytes = b"", timeout_s: float = 60.0, moved: bool = False
    ) -> Answer:
        """Run one verb on a host.

        Args:
            host: name in the environment.
            verb: such as ``job-ensure``; ``host/verbs.sh`` lists them.
            arguments: what the verb takes after the state's folder and the environment's name.
            stdin: the verb's payload.
            timeout_s: seconds until the connection is given up; a long-poll's own wait must be shorter.
            moved: whether the exit ``MOVED`` is an answer too.

        Raises:
            Superseded: the host has seen a higher epoch.
            AuthorityDoubtful: the host belongs to another journal.
            HostUnfenced: the host has seen no driver at all, as after the loss of its state folder.
            CommandFailed: anything else that is no answer, such as a full disk.
            HostUnreachable: no connection, or no answer in time.
        """
        words = (verb, self.environment.state_dir, self.environment.name, str(len(stdin)), *arguments)
        done = await self.transport.run(host, HOST_SCRIPT, words, stdin=stdin, timeout_s=timeout_s)
        fields, data = _split(done.stdout)
        if fields is not None and (done.exit_status == 0 or (moved and done.exit_status == MOVED)):
            return Answer(host, done.exit_status, fields, data)
        known = fields or {}
        if done.exit_status == _SUPERSEDED:
            raise Superseded(
                f"{host} refused {verb}: it has seen epoch {known.get('epoch')}, this driver's is "
                f"{known.get('given')}: a newer driver or operation has taken over, and this one changes nothing more "
                f"(`takeoff lease {self.environment.name}` shows who)"
            )
        if done.exit_status == _OTHER_AUTHORITY:
            raise AuthorityDoubtful(
                f"{host} belongs to journal {known.get('authority')}, not to {known.get('given')}: nothing is changed "
                f"there; if the journal was moved on purpose run `takeoff lease {self.environment.name} --move`, "
                f"if it was lost `takeoff journal {self.environment.name} --restore`"
            )
        if done.exit_status == _UNFENCED:
            raise HostUnfenced(
                host,
                f"it knows no driver, because it gave no answer when this one was announced or has lost "
                f"{self.environment.state_dir} since, so {verb} was refused: try the task again, which announces it",
            )
        said = done.error_text or done.text
        if done.exit_status == 0:
            raise HostError(
                host, f"{verb} gave no answer that can be read, but {said[:200]!r}: look at its login shell"
            )
        raise CommandFailed(host, f"takeoff's host script ({verb})", done.exit_status, said)


def _split(output: bytes) -> tuple[dict[str, str] | None, bytes]:
    """Take an answer apart: its fields, or None without a first line, and what follows."""
    start = 0 if output.startswith(ANSWER) else output.find(b"\n" + ANSWER) + 1
    if not output.startswith(ANSWER, start):
        return None, output
    head, _, data = output[start:].partition(b"\n")
    words = head[len(ANSWER) :].decode("utf-8", "replace").split(" ")
    return dict(word.partition("=")[::2] for word in words if "=" in word), data
