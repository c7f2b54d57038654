"""curl for hosts of machines that have none: plain HTTP, with the options that a deploy uses."""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

LOCAL_PORT = "LAB_HTTP_PORT"
"""Environment variable with the port that stands for port 80 of the host itself."""

_VALUED = {
    "-o": "output",
    "--output": "output",
    "-w": "write",
    "--write-out": "write",
    "-m": "time",
    "--max-time": "time",
    "-X": "method",
    "--request": "method",
    "-H": "header",
    "--header": "header",
    "-d": "data",
    "--data": "data",
    "-A": "ignored",
    "--connect-timeout": "ignored",
    "--retry": "ignored",
}
"""Options with a value → what they are about; ``ignored`` ones make no difference on a loopback."""


def main(arguments: list[str]) -> int:
    """Make one request; curl's exit statuses: 7 no connection, 22 an HTTP error with -f, 28 too late, 52 no reply."""
    values, flags, url = _parse(arguments)
    parts = urlsplit(url if "://" in url else f"http://{url}")
    host, port = parts.hostname or "", parts.port or 80
    if host in ("localhost", "127.0.0.1") and port == 80:
        port = int(os.environ.get(LOCAL_PORT, "80"))
    timeout = float(values.get("time", ["300"])[-1])
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    data = values.get("data", [None])[-1]
    headers = dict(line.split(": ", 1) for line in values.get("header", []) if ": " in line)
    method = values.get("method", ["POST" if data else "HEAD" if "I" in flags else "GET"])[-1]
    try:
        connection = HTTPConnection("127.0.0.1" if host == "localhost" else host, port, timeout=timeout)
        connection.request(method, target, data, headers)
        answer = connection.getresponse()
        body = answer.read()
    except TimeoutError:
        return _fail(28, f"Operation timed out after {timeout * 1000:.0f} milliseconds", values, flags)
    except OSError:
        return _fail(
            7, f"Failed to connect to {host} port {parts.port or 80}: Couldn't connect to server", values, flags
        )
    except HTTPException:
        return _fail(52, "Empty reply from server", values, flags)
    refused = "f" in flags and answer.status >= 400
    if not refused:
        _deliver(values.get("output", ["-"])[-1], body)
    _write_out(values, answer)
    if refused:
        return _fail(22, f"The requested URL returned error: {answer.status}", {}, flags)
    return 0


def _parse(arguments: list[str]) -> tuple[dict[str, list[str]], set[str], str]:
    values: dict[str, list[str]] = {}
    flags: set[str] = set()
    url = ""
    rest = iter(arguments)
    for argument in rest:
        name, separator, value = argument.partition("=")
        if name in _VALUED:
            values.setdefault(_VALUED[name], []).append(value if separator else next(rest, ""))
        elif argument.startswith("--"):
            flags.add({"--fail": "f", "--silent": "s", "--show-error": "S", "--head": "I"}.get(argument, argument))
        elif argument.startswith("-") and argument != "-":
            for index, letter in enumerate(argument[1:], 1):  # a letter that takes a value ends the joined ones
                if f"-{letter}" in _VALUED:
                    values.setdefault(_VALUED[f"-{letter}"], []).append(argument[index + 1 :] or next(rest, ""))
                    break
                flags.add(letter)
        else:
            url = argument
    return values, flags, url


def _deliver(path: str, body: bytes) -> None:
    if path == "-":
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    else:
        with open(path, "wb") as stream:
            stream.write(body)


def _write_out(values: dict[str, list[str]], answer: HTTPResponse | None) -> None:
    text = values.get("write", [""])[-1]
    text = text.replace("%{http_code}", f"{answer.status if answer else 0:03}")
    sys.stdout.write(text.replace("%{response_code}", f"{answer.status if answer else 0:03}").replace("\\n", "\n"))
    sys.stdout.flush()


def _fail(status: int, text: str, values: dict[str, list[str]], flags: set[str]) -> int:
    _write_out(values, None)
    if "s" not in flags or "S" in flags:
        print(f"curl: ({status}) {text}", file=sys.stderr)
    return status
