"""Sessions on hosts, as SSH shows them."""

import asyncio
from pathlib import Path

import asyncssh
import pytest

from tests.lab.running import RunningLab, eventually

pytestmark = pytest.mark.lab


def test_every_machine_is_reached_over_ssh(lab: RunningLab) -> None:
    names = lab.record.layout.names
    assert {name: lab.said(name, "echo here") for name in names} == dict.fromkeys(names, "here")


def test_output_input_and_exit_status_come_through(lab: RunningLab) -> None:
    result = lab.ssh("web-01", "cat; echo told >&2; exit 7", input="given\n")
    assert (result.stdout, result.stderr, result.exit_status) == ("given\n", "told\n", 7)


def test_a_signal_that_ends_a_command_is_told(lab: RunningLab) -> None:
    result = lab.ssh("web-01", "kill -KILL $$")
    assert (result.exit_status, result.returncode) == (-1, -9)


def test_much_output_arrives_whole(lab: RunningLab) -> None:
    result = lab.ssh("web-01", "head -c 3000000 /dev/zero | tr '\\0' x")
    assert len(str(result.stdout)) == 3_000_000


def test_a_command_outlives_its_connection(lab: RunningLab) -> None:
    mark = '"${TAKEOFF_HOST_ROOT:-}/tmp/outlived"'
    lab.run("web-01", f"rm -f {mark} {mark}.go")

    async def cut() -> None:
        connection = await lab.connect("web-01")
        running = await connection.create_process(f"echo begun; until [ -e {mark}.go ]; do sleep 0.1; done; : >{mark}")
        assert await running.stdout.readline() == "begun\n"
        connection.abort()

    asyncio.run(cut())
    lab.run("web-01", f": >{mark}.go")
    eventually(lambda: lab.kind.run("web-01", f"[ -e {mark} ]").status == 0, "the command went on")


def test_many_commands_at_once_all_succeed(lab: RunningLab) -> None:
    async def run() -> list[int | None]:
        async with lab.connect("web-01") as connection:
            results = await asyncio.gather(*(connection.run(f"echo {n}; cat", input="x" * 1000) for n in range(60)))
            return [result.exit_status for result in results]

    assert asyncio.run(run()) == [0] * 60


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"username": "root"}, id="another user"),
        pytest.param({"client_keys": [asyncssh.generate_private_key("ssh-ed25519")]}, id="another key"),
    ],
)
def test_only_the_labs_user_with_the_labs_key_gets_in(lab: RunningLab, options: dict[str, object]) -> None:
    async def log_in() -> None:
        async with lab.connect("web-01", **options):
            pass

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(log_in())


def test_each_machine_has_a_key_of_its_own(lab: RunningLab) -> None:
    keys = [line.split()[2] for line in Path(lab.record.known_hosts).read_text().splitlines()]
    assert len(set(keys)) == len(keys) >= len(lab.record.layout.names)
