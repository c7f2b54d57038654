"""Runs every benchmark of this folder; ends with 1 if one of their promises is broken."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def main() -> int:
    """Run them one after the other: two at once would disturb each other."""
    failed = []
    for found in pkgutil.iter_modules(bench.__path__):
        if found.name == "__main__":
            continue
        module = importlib.import_module(f"bench.{found.name}")
        if not hasattr(module, "main"):
            continue
        print(f"== {found.name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        if module.main():
            failed.append(found.name)
    print(f"broken promises: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
