"""pyinfra through its API: ``pyinfra_api.py LOGIN.json COMMAND``."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent's patches come first
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from phases import obey  # noqa: E402
from pyinfra.api import Config, Inventory, State  # noqa: E402
from pyinfra.api.connect import connect_all, disconnect_all  # noqa: E402
from pyinfra.api.operation import add_op  # noqa: E402
from pyinfra.api.operations import run_ops  # noqa: E402
from pyinfra.operations import server  # noqa: E402

LOGIN, COMMAND = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
DATA = {
    "ssh_user": LOGIN["user"],
    "ssh_port": LOGIN["port"],
    "ssh_key": LOGIN["key"],
    "ssh_known_hosts_file": LOGIN["known_hosts"],
    "ssh_strict_host_key_checking": "yes",
}
state = None


def connect() -> State:
    """Make new connections to all hosts."""
    made = State(Inventory((LOGIN["addresses"], DATA)), Config(PARALLEL=len(LOGIN["addresses"])))
    connect_all(made)
    return made


def run(cold: bool) -> int:
    """Run the command on all hosts."""
    global state
    if cold or state is None:
        if state is not None:
            disconnect_all(state)
        state = connect()
    before = {host: state.results[host].ops for host in state.inventory}
    add_op(state, server.shell, commands=[COMMAND])
    run_ops(state)
    return sum(state.results[host].ops > count for host, count in before.items())


obey(run)
