"""parallel-ssh on libssh2: ``parallel_ssh.py LOGIN.json COMMAND``."""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - gevent's patches come first
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from phases import obey  # noqa: E402
from pssh.clients import ParallelSSHClient  # noqa: E402

LOGIN, COMMAND = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
client = None


def run(cold: bool) -> int:
    """Run the command on all hosts."""
    global client
    if cold or client is None:
        client = ParallelSSHClient(
            LOGIN["addresses"],
            user=LOGIN["user"],
            port=LOGIN["port"],
            pkey=LOGIN["key"],
            pool_size=len(LOGIN["addresses"]),
            allow_agent=False,
            identity_auth=False,
        )
    output = client.run_command(COMMAND)
    client.join(output)
    return sum(one.exit_code == 0 for one in output)


obey(run)
