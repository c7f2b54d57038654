"""Ports of this machine that a lab may take, without meeting another lab that starts at the same time."""

from __future__ import annotations

import json
import os
import random
import socket
import tempfile
import time
from pathlib import Path

from filelock import FileLock

from lab.state import LabError, write_file

PORTS = range(20_000, 32_000)
"""Below those that kernels hand out for outgoing connections, so that a port stays free while its server is down."""

CLAIM_SECONDS = 600
"""How long a port is kept for whoever was told of it: longer than a lab takes until its servers listen."""


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Find ports that nobody listens on and nobody else was told of lately.

    They are drawn at random, and claimed in a file that all labs of this user share.

    Raises:
        LabError: the machine has not so many.
    """
    claims = Path(tempfile.gettempdir()) / f"takeoff-ports-{os.getuid()}.json"
    with FileLock(claims.with_suffix(".lock"), mode=0o600):
        claimed = _read_claims(claims)
        found = _unused([port for port in random.sample(PORTS, len(PORTS)) if port not in claimed], count, address)
        claims_now = claimed | dict.fromkeys(found, time.time())
        write_file(claims, json.dumps(claims_now).encode(), mode=0o600)
    return found


def _read_claims(path: Path) -> dict[int, float]:
    """Port → when it was claimed, of the claims that still hold."""
    try:
        claims = {int(port): float(at) for port, at in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, TypeError):  # none yet, or not ours: a claim only saves a second try
        return {}
    now = time.time()
    return {port: at for port, at in claims.items() if 0 <= now - at < CLAIM_SECONDS}


def _unused(candidates: list[int], count: int, address: str) -> list[int]:
    """The first of the candidates that can be listened on."""
    found: list[int] = []
    for port in candidates:
        if len(found) == count:
            return found
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
        found.append(port)
    if len(found) < count:
        raise LabError(f"this machine has only {len(found)} free ports from {PORTS[0]} to {PORTS[-1]}, not {count}")
    return found
