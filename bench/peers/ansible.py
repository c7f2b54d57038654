"""Ansible as its users speed it up: pipelining, connections that persist, a fork for each host, curve25519 first."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bench.peers.installed import BIN, Login

FORKS = 60
_SSH = "-o ControlMaster=auto -o ControlPersist=120s -o KexAlgorithms=curve25519-sha256"


class Ansible:
    """Ansible with its settings, inventory and connections below one folder."""

    def __init__(self, login: Login, folder: Path) -> None:
        """Write the inventory; a host is called by its address."""
        self._folder = folder
        self._sockets = folder / "s"
        self._sockets.mkdir()
        self._inventory = folder / "inventory.ini"
        self._inventory.write_text("[all]\n" + "".join(f"{address}\n" for address in login.addresses))
        config = folder / "ansible.cfg"
        config.write_text("")
        self._environment = os.environ | {
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_FORKS": str(FORKS),
            "ANSIBLE_PIPELINING": "True",
            "ANSIBLE_REMOTE_USER": login.user,
            "ANSIBLE_REMOTE_PORT": str(login.port),
            "ANSIBLE_PRIVATE_KEY_FILE": login.key,
            "ANSIBLE_HOST_KEY_CHECKING": "True",
            "ANSIBLE_SSH_ARGS": f"{_SSH} -o UserKnownHostsFile={login.known_hosts}",
            "ANSIBLE_SSH_CONTROL_PATH": f"{self._sockets}/%%C",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_NOCOLOR": "True",
            "PYTHONPATH": "",
        }

    def command(self, command: str) -> None:
        """Run a command on every host with the module ``command``."""
        said = self._run("ansible", "all", "-i", str(self._inventory), "-m", "command", "-a", command, "--one-line")
        hosts = len(self._inventory.read_text().split()) - 1
        assert said.count("rc=0") == hosts, said[-2000:]

    def playbook(self, path: Path, *, inventory: Path, variables: Path) -> None:
        """Run a playbook with variables from a JSON file."""
        self._run("ansible-playbook", "-i", str(inventory), str(path), "-e", f"@{variables}")

    def _run(self, tool: str, *arguments: str) -> str:
        command = [str(BIN / tool), *arguments]
        done = subprocess.run(
            command, env=self._environment, cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{tool} failed:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}"
        return done.stdout

    def disconnect(self) -> None:
        """End the connections that persist."""
        ends = [
            subprocess.Popen(
                ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "nobody"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for socket in self._sockets.iterdir()
        ]
        for end in ends:
            end.wait()
