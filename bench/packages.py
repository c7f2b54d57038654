"""What a look for packages costs, beside ``apt-get update`` and ``apt-cache madison`` on the same repository.

The index has 200,000 stanzas, 1,000 of them of our package. CPU is user and system time of the process and of all that
it starts; the web server is another process and is not counted.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import lzma
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import requests
from pysequoia import Profile, SignatureMode, Tsk, sign

from takeoff.clients.apt_repository import AptRepository
from takeoff.clients.index_memory import IndexMemory
from takeoff.core.package_settings import AptSource

STANZAS = 200_000
OURS = 1_000
ROUNDS = 5

_APT_TOOLS = ("apt-get", "apt-cache")


@dataclass(frozen=True)
class Cost:
    """What one look took: seconds of CPU, and the process's largest memory in MiB."""

    cpu_s: float
    peak_mib: float
    versions: int


class CountingHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and writes what it sent into a file: one line for each request."""

    protocol_version = "HTTP/1.1"

    directory: str

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the status: the headers are not complete yet."""
        self._status = int(code)

    def end_headers(self) -> None:
        """Write down what was asked and answered, in bytes without the body."""
        asked = len(self.raw_requestline) + len(str(self.headers))
        told = sum(map(len, self._headers_buffer)) + 2
        with Path(self.directory, "log").open("a") as log:
            log.write(json.dumps({"path": self.path, "status": self._status, "bytes": asked + told}) + "\n")
        super().end_headers()


def make_repository(folder: Path) -> Path:
    """Write and sign the repository; returns the keyring."""
    dist = folder / "dists/jammy"
    index = dist / "main/binary-amd64"
    index.mkdir(parents=True)
    text = b"".join(_stanza(number) for number in range(STANZAS))
    files = {"main/binary-amd64/Packages": text, "main/binary-amd64/Packages.xz": lzma.compress(text, preset=1)}
    (dist / "main/binary-amd64/Packages.xz").write_bytes(files["main/binary-amd64/Packages.xz"])
    lines = "".join(f" {hashlib.sha256(body).hexdigest()} {len(body)} {name}\n" for name, body in files.items())
    date = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime())
    release = f"Suite: jammy\nCodename: jammy\nDate: {date}\nArchitectures: amd64\nComponents: main\nSHA256:\n{lines}"
    key = Tsk.generate(user_id="bench <bench@takeoff.invalid>", profile=Profile.RFC4880)
    (dist / "InRelease").write_bytes(sign(key.signer(), release.encode(), mode=SignatureMode.CLEAR))
    keyring = folder / "keyring.gpg"
    keyring.write_bytes(bytes(key.extract_certificate()))
    for file in dist.rglob("*"):
        os.utime(file, (time.time() - 60,) * 2)
    return keyring


def _stanza(number: int) -> bytes:
    ours = number % (STANZAS // OURS) == 0
    name = "gitlab-ee" if ours else f"library-number-{number}"
    version = f"{10 + number // 40_000}.{number // 4_000 % 10}.{number // 100 % 40}-ee.0" if ours else f"1.{number}-2"
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: nobody <nobody@takeoff.invalid>\n"
        f"Installed-Size: {number}\nDepends: libc6 (>= 2.36), libgcc-s1 (>= 3.0), libstdc++6 (>= 11)\n"
        f"Filename: pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb\nSize: {number + 1000}\n"
        f"MD5sum: {digest[:32]}\nSHA256: {digest}\nSection: misc\nPriority: optional\n"
        f"Description: package number {number}\n A longer text, as packages have one, which says what this is for.\n\n"
    ).encode()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder from another process."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(folder, theirs), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()


def _serve(folder: Path, connection: Connection) -> None:
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(CountingHandler, directory=str(folder))
    )
    connection.send(server.server_port)
    server.serve_forever()


def ask_takeoff(url: str, keyring: Path, memory: Path) -> Cost:
    """Look once, in this process."""
    settings = AptSource(type="apt", url=url, suites=("jammy",), keyring=str(keyring))
    before = _cpu()
    repository = AptRepository(settings, "gitlab-ee", requests.Session(), keyring, memory=IndexMemory(memory))
    holdings = repository.read()
    return Cost(_cpu() - before, _peak_mib(), len(holdings.candidates))


def ask_apt(url: str, keyring: Path, state: Path) -> Cost:
    """Update and list once, with an empty state."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {url} jammy main\n")
    (state / "status").touch()
    settings = {
        "Dir::State::Lists": "lists",
        "Dir::State::status": "status",
        "Dir::Cache": "cache",
        "Dir::Etc::sourcelist": "sources.list",
        "Dir::Etc::sourceparts": "none",
        "APT::Architecture": "amd64",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={state / value}")]
    options[-1] = "APT::Architecture=amd64"
    options += ["-o", "APT::Architectures=amd64", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]
    before = _cpu()
    subprocess.run(["apt-get", *options, "-qq", "update"], check=True)
    rows = subprocess.run(["apt-cache", *options, "madison", "gitlab-ee"], check=True, capture_output=True).stdout
    return Cost(_cpu() - before, 0.0, len(rows.splitlines()))


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _peak_mib() -> float:
    """Tell the largest memory of this process; what getrusage says is inherited from who started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def in_a_process(work: Callable[..., Cost], *arguments: object) -> Cost:
    """Measure in a fresh process, so that its largest memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def cheapest(work: Callable[..., Cost], url: str, keyring: Path, folder: Path) -> Cost:
    """Measure some times and take the cheapest: other load on the machine only ever adds."""
    costs = [in_a_process(work, url, keyring, folder / f"{work.__name__}-{number}") for number in range(ROUNDS)]
    return min(costs, key=lambda cost: cost.cpu_s)


def ask_unchanged(url: str, keyring: Path, memory: Path) -> Cost:
    """Look twice in one process and measure the second time."""
    ask_takeoff(url, keyring, memory)
    return ask_takeoff(url, keyring, memory)


@dataclass(frozen=True)
class Promise:
    """One line of the result: what was measured, and the most that it may be."""

    what: str
    measured: float
    most: float
    unit: str

    @property
    def kept(self) -> bool:
        """Whether it holds."""
        return self.measured <= self.most

    def __str__(self) -> str:
        verdict = "ok" if self.kept else "TOO MUCH"
        return f"{self.what:<58} {self.measured:>9.2f} {self.unit:<5} (at most {self.most:g})  {verdict}"


def measure(folder: Path) -> Iterator[Promise]:
    """Measure everything on one repository."""
    keyring = make_repository(folder)
    with serving(folder) as url:
        changed = cheapest(ask_takeoff, url, keyring, folder)
        (folder / "log").unlink()
        unchanged = cheapest(ask_unchanged, url, keyring, folder)
        asked = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
        apt = cheapest(ask_apt, url, keyring, folder) if all(map(shutil.which, _APT_TOOLS)) else None
    again = [one for one in asked if one["status"] == 304]
    yield Promise("unchanged index: requests", len(again) / ROUNDS, 1, "")
    yield Promise("unchanged index: request and answer", max(one["bytes"] for one in again), 2048, "bytes")
    yield Promise("unchanged index: CPU, gpgv included", unchanged.cpu_s * 1000, 20, "ms")
    if apt is None:
        print("apt is not installed here: nothing to compare a changed index with")
    else:
        assert apt.versions == changed.versions == OURS
        print(f"a changed index costs {changed.cpu_s:.2f} s of CPU, apt-get update and madison {apt.cpu_s:.2f} s")
        yield Promise("changed index: CPU, as a part of apt's", changed.cpu_s / apt.cpu_s, 1.5, "x")
    yield Promise("changed index: largest memory of the process", changed.peak_mib, 150, "MiB")


def main() -> int:
    """Print what was measured beside what was promised; 1 if a promise is broken."""
    print(f"An index of {STANZAS:,} stanzas, {OURS:,} of our package; the cheapest of {ROUNDS} each.")
    with tempfile.TemporaryDirectory(prefix="takeoff-bench-") as name:
        promises = list(measure(Path(name)))
    for promise in promises:
        print(promise)
    return 0 if all(promise.kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
