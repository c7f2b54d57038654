"""How the configuration of a server is described: files on its node's disk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NodeFile:
    """One file on a node's disk before the node boots."""

    content: str | bytes
    mode: int = 0o644


NodeFiles = dict[str, NodeFile]
"""Path below the root of the node → the file."""


def service(name: str, script: str) -> NodeFiles:
    """A service of the node's supervisor.

    Args:
        name: what ``sv`` calls it, under ``/run/services``.
        script: sh lines that end with an ``exec`` of the server, in the foreground.
    """
    log = f"exec >>/var/log/{name}.log 2>&1\n"
    return {f"etc/lab/services/{name}/run": NodeFile(f"#!/bin/sh\n{log}{script}", mode=0o755)}
