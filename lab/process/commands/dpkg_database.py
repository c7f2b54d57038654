"""dpkg's own records on a host, written: the status file, the lock, the mark of an interrupted run, the log."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.process.commands import ROOT
from lab.process.commands.dpkg_status import STATUS, Stanza, read_status

LOCK = f"{ROOT}/var/lib/dpkg/lock-frontend"
INTERRUPTED = f"{ROOT}/var/lib/dpkg/updates/0001"
LOG = f"{ROOT}/var/log/dpkg.log"


class DpkgError(Exception):
    """The command fails with this text on standard error.

    Attributes:
        status: the exit status, as the real command's.
    """

    def __init__(self, text: str, status: int = 100) -> None:
        self.status = status
        super().__init__(text)


def write_status(stanza: Stanza) -> None:
    """Replace one package's stanza; the file is never half written."""
    packages = read_status()
    packages[stanza["Package"]] = stanza
    text = "\n".join("".join(f"{k}: {v}\n" for k, v in each.items()) for each in packages.values())
    os.makedirs(os.path.dirname(STATUS), exist_ok=True)
    with open(f"{STATUS}-new", "w") as stream:
        stream.write(text)
    os.replace(f"{STATUS}-new", STATUS)


def set_state(stanza: Stanza, state: str) -> Stanza:
    """Write a package's state (``unpacked``, …) and log it; its hold stays."""
    want = stanza.get("Status", "install ok not-installed").split()[0]
    stanza = {**stanza, "Status": f"{'hold' if want == 'hold' else 'install'} ok {state}"}
    write_status(stanza)
    log(f"status {state} {stanza['Package']}:amd64 {stanza['Version']}")
    return stanza


def log(text: str) -> None:
    """Append to /var/log/dpkg.log."""
    os.makedirs(os.path.dirname(LOG), exist_ok=True)
    with open(LOG, "a") as stream:
        stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


@contextmanager
def frontend_lock(timeout_seconds: float) -> Iterator[None]:
    """Hold dpkg's frontend lock.

    Raises:
        DpkgError: another process holds it for longer than the timeout (`DPkg::Lock::Timeout`).
    """
    os.makedirs(os.path.dirname(LOCK), exist_ok=True)
    with open(LOCK, "a+") as stream:
        deadline, told = time.monotonic() + timeout_seconds, False
        while True:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                stream.seek(0)
                holder = stream.read().strip() or "another process"
                refusal = f"Could not get lock /var/lib/dpkg/lock-frontend. It is held by {holder}"
                if time.monotonic() >= deadline:
                    raise DpkgError(_no_lock("" if timeout_seconds else refusal)) from None
                if not told:
                    print(f"Waiting for cache lock: {refusal}...", flush=True)
                    told = True
                time.sleep(0.1)
        stream.truncate(0)
        stream.write(f"process {os.getpid()} (apt-get)\n")
        stream.flush()
        yield
        stream.truncate(0)


def _no_lock(refusal: str) -> str:
    """What apt says when it gives up; who has the lock it tells only if it did not wait, and so said it already."""
    notice = "N: Be aware that removing the lock file is not a solution and may break your system.\n"
    last = "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?"
    return f"E: {refusal}\n{notice}{last}" if refusal else last


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Leave dpkg's mark of an unfinished run for as long as the body lasts: a kill in between leaves it behind."""
    os.makedirs(os.path.dirname(INTERRUPTED), exist_ok=True)
    with open(INTERRUPTED, "w"):
        pass
    try:
        yield
    finally:
        os.unlink(INTERRUPTED)


def interrupted() -> bool:
    """Whether an earlier run was cut off, so that only `dpkg --configure -a` may follow."""
    return os.path.exists(INTERRUPTED)
