"""The faults that every kind of lab can make: in the application, on a host, and in what stands beside the hosts."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from datetime import timedelta

from lab.kind import Fault, LabKind
from lab.services import HEARTBEAT, Services, fire
from lab.state import LabError, LabState, write_file

ALERT = {"alertname": "GitlabErrorRateTooHigh", "severity": "critical", "env": "lab", "stage": "main", "type": "web"}

FAULT_FOLDER = "/var/opt/gitlab/lab/faults"
"""Where a host's application looks for its faults: a file each, whose text is the fault's parameter."""

_APPLICATION = {
    "readiness": ("", "the application's readiness answers 503"),
    "requests": ("", "the application answers every user with 500; its readiness stays good"),
    "reconfigure": ("", "gitlab-ctl reconfigure fails"),
    "reconfigure-slow": ("10", "gitlab-ctl reconfigure takes 10 s longer"),
    "migration": ("", "the next database migration fails"),
    "migration-endless": ("", "the next database migration never ends"),
    "background-migration": ("failed", "the newest background migration shows as failed"),
    "preinst": ("", "the package's preinst fails"),
    "disk-full": ("", "the disk is full: nothing can be downloaded or unpacked"),
}
"""Fault → text of its file, effect."""

_REPOSITORY = {
    "404": "packages are missing from the repository, though its index names them",
    "slow": "the repository sends packages at 20 kB/s",
    "corrupt": "packages arrive altered",
    "unsigned": "the index does not fit its signature",
}

_HOLD_LOCK = """
import fcntl, sys, time
lock = open(sys.argv[1], "a+")
fcntl.lockf(lock, fcntl.LOCK_EX)
lock.truncate(0)
lock.write("process 4711 (unattended-upgr)")
lock.flush()
open(sys.argv[2], "w").close()
time.sleep(86400)
"""
"""Holds dpkg's lock as another program would: a POSIX lock, until it is killed; then a file tells that it holds it."""

_QA = {
    "failing": "QA pipelines fail",
    "flaky": "QA pipelines fail at the first try and succeed when they are run again",
    "stuck": "QA pipelines never end",
    "empty": "QA pipelines succeed without having run a test",
}

_PACKAGES = {
    "lock": (
        "another process holds dpkg's lock",
        f"""setsid python3 -c {shlex.quote(_HOLD_LOCK)} "$root/var/lib/dpkg/lock-frontend" "$root/run/lock-held" \\
            >/dev/null 2>&1 </dev/null &
        echo $! >"$root/run/lock-holder"
        until [ -e "$root/run/lock-held" ]; do sleep 0.05; done""",
        """[ ! -e "$root/run/lock-holder" ] || kill "$(cat "$root/run/lock-holder")"
        rm -f "$root/run/lock-holder" "$root/run/lock-held\"""",
    ),
    "interrupted": (
        "dpkg was interrupted and wants `dpkg --configure -a`",
        ': >"$root/var/lib/dpkg/updates/0001"',
        "dpkg --configure -a",
    ),
    "package-held": ("an operator holds the package", "apt-mark hold gitlab-ee", "apt-mark unhold gitlab-ee"),
}
"""Fault → effect, script that breaks, script that mends."""


def all_faults(state: LabState, kind: LabKind) -> Mapping[str, Fault]:
    """Every fault that this lab can have, by name; a kind's own ones replace those of the same name here."""
    faults: dict[str, Fault] = {}
    for name, (text, summary) in _APPLICATION.items():
        faults[name] = Fault(name, summary, True, _write(kind, name, text), _erase(kind, name))
    for name in _PACKAGES:
        faults[name] = _package_fault(kind, name)
    for name, summary in _QA.items():
        faults[f"qa-{name}"] = Fault(
            f"qa-{name}", summary, False, _service(state, "qa", name), _service(state, "qa", None)
        )
    for name, summary in _REPOSITORY.items():
        key = f"repository-{name}"
        faults[key] = Fault(
            key, summary, False, _service(state, "repository", name), _service(state, "repository", None)
        )
    for name in ("repository", "alertmanager", "gitlab"):
        key = f"{name}-down"
        faults[key] = Fault(
            key, f"nobody listens on the port of {name}", False, _stop(state, name), _start(state, name)
        )
    faults["alert"] = Fault(
        "alert", "a critical alert fires", False,
        lambda _: fire(state.read(), ALERT, "broken on purpose"),
        lambda _: fire(state.read(), ALERT, "broken on purpose", timedelta(seconds=-1)),
    )  # fmt: skip
    faults["heartbeat"] = Fault(
        "heartbeat", "the alert that always fires is gone", False,
        lambda _: fire(state.read(), HEARTBEAT, "always fires", timedelta(seconds=-1)),
        lambda _: fire(state.read(), HEARTBEAT, "always fires; its absence means that alerting is broken"),
    )  # fmt: skip
    return faults | dict(kind.faults())


def find_fault(state: LabState, kind: LabKind, name: str, host: str) -> Fault:
    """The fault of that name.

    Raises:
        LabError: there is none, or the host does not fit.
    """
    faults, known = all_faults(state, kind), state.read().hosts
    if name not in faults:
        raise LabError(f"no fault is called {name!r}; there are {', '.join(sorted(faults))}")
    fault = faults[name]
    if fault.on_host and not host:
        raise LabError(f"{name} breaks one host: name it, as in `python -m lab break {name} web-01`")
    if fault.on_host and host not in known:
        raise LabError(f"the lab has no host {host!r}; its hosts are {', '.join(known)}")
    if host and not fault.on_host:
        raise LabError(f"{name} does not belong to a host; leave {host!r} out")
    return fault


def list_faults(state: LabState, kind: LabKind) -> str:
    """All faults, a line each."""
    faults = all_faults(state, kind)
    return "\n".join(
        f"{name:22}{'HOST  ' if faults[name].on_host else '      '}{faults[name].summary}" for name in sorted(faults)
    )


def on_host(kind: LabKind, host: str, script: str) -> None:
    """Run a script on a host as whoever breaks it.

    Raises:
        LabError: it failed.
    """
    result = kind.run(host, f'root="${{TAKEOFF_HOST_ROOT:-}}"\n{script}')
    if result.status:
        raise LabError(f"{host}: {result.output.strip()} (exit status {result.status})")


def _write(kind: LabKind, name: str, text: str) -> Callable[[str], None]:
    script = f'mkdir -p "$root{FAULT_FOLDER}" && printf %s {shlex.quote(text)} > "$root{FAULT_FOLDER}/{name}"'
    return lambda host: on_host(kind, host, script)


def _erase(kind: LabKind, name: str) -> Callable[[str], None]:
    return lambda host: on_host(kind, host, f'rm -f "$root{FAULT_FOLDER}/{name}"')


def _package_fault(kind: LabKind, name: str) -> Fault:
    summary, apply, lift = _PACKAGES[name]
    return Fault(name, summary, True, lambda host: on_host(kind, host, apply), lambda host: on_host(kind, host, lift))


def _service(state: LabState, name: str, text: str | None) -> Callable[[str], None]:
    def change(_: str) -> None:
        path = state.path("faults", name)
        path.unlink(missing_ok=True) if text is None else write_file(path, text.encode())

    return change


def _stop(state: LabState, name: str) -> Callable[[str], None]:
    return lambda _: Services(state).stop_one(state.read(), name)


def _start(state: LabState, name: str) -> Callable[[str], None]:
    def start(_: str) -> None:
        services, record = Services(state), state.read()
        services.start_one(record, name)
        services.wait(record)

    return start
