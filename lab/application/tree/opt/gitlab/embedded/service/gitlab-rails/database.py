"""PostgreSQL over its wire protocol (version 3, simple queries, trusted login), so that a host needs no driver.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import struct
import threading


class DatabaseError(Exception):
    """The server refused a statement; `code` is its SQLSTATE."""

    def __init__(self, code, message):
        self.code = code
        super().__init__("PG::Error (%s): %s" % (code, message))


class Connection:
    """One session. Not for two threads at once."""

    def __init__(self, host, port, database="gitlabhq_production", user="gitlab", timeout=10):
        if host.startswith("/"):  # folder of the server's socket, as in libpq
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect("%s/.s.PGSQL.%s" % (host, port))
        else:
            self.socket = socket.create_connection((host, int(port)), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(None)
        self.stream = self.socket.makefile("rb")
        start = b"".join(x.encode() + b"\0" for x in ("user", user, "database", database)) + b"\0"
        self.socket.sendall(struct.pack("!II", len(start) + 8, 196608) + start)
        self._until_ready()

    def query(self, statement):
        """Run one or more statements; rows of the last one as tuples of text or None."""
        body = statement.encode() + b"\0"
        self.socket.sendall(b"Q" + struct.pack("!I", len(body) + 4) + body)
        return self._until_ready()

    def close(self):
        """Hang up; the server ends the session and gives back its locks."""
        self.stream.close()
        self.socket.close()

    def _until_ready(self):
        rows, error = [], None
        while True:
            head = self.stream.read(5)
            if len(head) < 5:
                raise OSError("the database closed the connection")
            kind, length = head[:1], struct.unpack("!I", head[1:])[0]
            body = self.stream.read(length - 4)
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                fields = {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}
                error = DatabaseError(fields.get(b"C", ""), fields.get(b"M", ""))
                if fields.get(b"S") == "FATAL":
                    raise error
            elif kind == b"R" and body[:4] != b"\0\0\0\0":
                raise OSError("the database asks for a password; the lab's must trust its hosts")
            elif kind == b"Z":
                if error:
                    raise error
                return rows


class Pool:
    """A few sessions for many threads; broken ones are dropped, idle ones kept."""

    def __init__(self, size, *address):
        self.address, self.idle, self.lock, self.free = address, [], threading.Lock(), threading.Semaphore(size)

    def query(self, statement):
        """Run a statement on any session."""
        with self.free:
            with self.lock:
                session = self.idle.pop() if self.idle else None
            session = session or Connection(*self.address)
            try:
                rows = session.query(statement)
            except DatabaseError:
                self._give_back(session)
                raise
            except BaseException:
                session.close()
                raise
            self._give_back(session)
            return rows

    def _give_back(self, session):
        with self.lock:
            self.idle.append(session)


def literal(value):
    """Quote a value for a statement."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if "\0" in value:
        raise ValueError("a text for the database must not hold a NUL")
    return "'" + value.replace("'", "''") + "'"


def _row(body):
    count, at, values = struct.unpack("!H", body[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[at : at + 4])[0]
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return tuple(values)
