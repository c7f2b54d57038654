"""A small HTTP/1.1 server with keep-alive that ends as a web application should: what it has begun it finishes.

TERM: no new connections, requests under way are answered, then the process exits. HUP: the same, then the program is
started again in place with the listening socket kept, so that connections wait instead of being refused.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from urllib.parse import parse_qs, unquote, urlsplit

REASONS = {
    200: "OK",
    201: "Created",
    400: "Bad Request",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
LISTENER = "GITLAB_LISTENER"
"""Environment variable that hands the listening socket to the program's next image."""

FINISH_SECONDS = 10
"""How long requests under way may take after TERM or HUP."""

FRESH_SECONDS = 1
"""How long a connection without any request may keep the server from ending."""


class Request:
    """One request: method, path, query (name → last value), headers (lower case) and body."""

    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.method, self.path, self.headers, self.body = method, unquote(parts.path), headers, body
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}


class Server:
    """Serves `handle(request) -> (status, body, content type)`, one thread for each connection."""

    def __init__(self, address, port, handle):
        self.handle, self.stopping, self.busy = handle, False, 0
        self.lock = threading.Lock()
        self.fresh, self.idle = set(), set()  # connections before their first request, and between two
        inherited = os.environ.pop(LISTENER, None)
        if inherited:
            self.listener = socket.socket(fileno=int(inherited))
        else:
            self.listener = socket.create_server((address, port), backlog=256)
        self.listener.settimeout(1)
        self.orders, self.ordered = socket.socketpair()
        self.halted, self.halt = socket.socketpair()

    def run(self):
        """Serve until TERM or HUP."""
        threading.stack_size(256 * 1024)
        # A signal that another thread takes wakes no call of this one: only its number in this socket does.
        self.orders.setblocking(False)
        signal.set_wakeup_fd(self.orders.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        accepting = threading.Thread(target=self._accept, daemon=True)
        accepting.start()
        again = self.ordered.recv(1)[0] == signal.SIGHUP
        self.stopping = True
        self.halt.send(b".")
        accepting.join()
        if not again:
            self.listener.close()
        self._finish()
        if again:
            os.set_inheritable(self.listener.fileno(), True)
            os.environ[LISTENER] = str(self.listener.fileno())
            os.execv(sys.executable, [sys.executable, "-ESs", *sys.argv])  # noqa: S606

    def _finish(self):
        """Wait for requests under way, and a little for the first one of connections that were just made."""
        started = time.monotonic()
        while (waited := time.monotonic() - started) < FINISH_SECONDS:
            with self.lock:
                for connection in self.idle:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
                self.idle.clear()
                if not self.busy and (not self.fresh or waited > FRESH_SECONDS):
                    return
            time.sleep(0.02)

    def _accept(self):
        while self.halted not in select.select([self.listener, self.halted], [], [])[0]:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # it was gone again before it was taken
                continue
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.fresh.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while True:
                first = stream.readline(8192)
                with self.lock:
                    self.fresh.discard(connection)
                    self.idle.discard(connection)
                    if not first.strip():
                        return
                    self.busy += 1
                try:
                    last = not self._answer(connection, stream, first)
                finally:
                    with self.lock:
                        self.busy -= 1
                        self.idle.add(connection)
                if last or self.stopping:
                    return
        except (OSError, ValueError):
            pass  # the other side left, or sent what is no request
        finally:
            with self.lock:
                self.fresh.discard(connection)
                self.idle.discard(connection)
            stream.close()
            connection.close()

    def _answer(self, connection, stream, first):
        method, target, version = first.decode("latin-1").split()
        headers = {}
        while (line := stream.readline(8192)).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        try:
            status, content, kind = self.handle(Request(method, target, headers, body))
        except Exception as error:  # a request must not end the server: users see 500, the log the cause
            print("%s %s: %s: %s" % (method, target, type(error).__name__, error), file=sys.stderr, flush=True)
            status, content, kind = 500, {"message": "500 Internal Server Error"}, "application/json"
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        last = self.stopping or headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
        connection.sendall(
            (
                "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: %s\r\n\r\n"
                % (status, REASONS.get(status, ""), kind, len(data), "close" if last else "keep-alive")
            ).encode()
            + data
        )
        return not last
