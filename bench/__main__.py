"""Runs benchmarks of this folder, all or those named; ends with 1 if one of their promises is broken."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import sys

import bench

_PARTS = {"__main__", "cost", "many_hosts", "measured_lab", "peers", "promise", "rolling"}


def main(names: list[str]) -> int:
    """Run them one after the other: two at once would disturb each other."""
    known = [found.name for found in pkgutil.iter_modules(bench.__path__) if found.name not in _PARTS]
    if unknown := [name for name in names if name not in known]:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for name in names or known:
        module = importlib.import_module(f"bench.{name}")
        print(f"== {name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        if module.main():
            failed.append(name)
    print(f"broken promises: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what a benchmark has started is taken down
    sys.exit(main(sys.argv[1:]))
