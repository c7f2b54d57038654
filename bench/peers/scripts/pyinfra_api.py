"""pyinfra's connections and commands, through its API: ``pyinfra_api.py LOGIN.json COMMAND``."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent's patches come first
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from gevent.pool import Pool  # noqa: E402
from phases import obey  # noqa: E402
from pyinfra.api import Config, Inventory, State, StringCommand  # noqa: E402
from pyinfra.api.connect import connect_all, disconnect_all  # noqa: E402

LOGIN, COMMAND = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
DATA = {
    "ssh_user": LOGIN["user"],
    "ssh_port": LOGIN["port"],
    "ssh_key": LOGIN["key"],
    "ssh_known_hosts_file": LOGIN["known_hosts"],
    "ssh_strict_host_key_checking": "yes",
}
pool = Pool(len(LOGIN["addresses"]))
state = None


def run(cold: bool) -> int:
    """Run the command on all hosts, all at once."""
    global state
    if cold or state is None:
        if state is not None:
            disconnect_all(state)
        state = State(Inventory((LOGIN["addresses"], DATA)), Config(PARALLEL=len(LOGIN["addresses"])))
        connect_all(state)
    command = StringCommand(COMMAND)
    return sum(
        status for status, _ in pool.imap_unordered(lambda host: host.run_shell_command(command), state.inventory)
    )


obey(run)
