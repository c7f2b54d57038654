"""A pytest plugin that breaks one rule in the code before anything is imported: ``-p tests.mutants.mutation``.

The environment variables say where: TAKEOFF_MUTANT_FILE (below ``plugins/takeoff``), _OLD and _NEW.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2] / "plugins" / "takeoff"


def mutated(text: str) -> str:
    """Replace the one place."""
    old = os.environ["TAKEOFF_MUTANT_OLD"]
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {os.environ['TAKEOFF_MUTANT_FILE']}"
    return text.replace(old, os.environ["TAKEOFF_MUTANT_NEW"])


class _Source(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:  # never from a .pyc, and none is written
        return compile(mutated(Path(self.path).read_text(encoding="utf-8")), self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, file: Path) -> None:
        self._file = file
        self._name = ".".join(("takeoff", *file.relative_to(ROOT).with_suffix("").parts))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Source(fullname, str(self._file)), origin=str(self._file))


def _mutate_shell(file: Path) -> None:
    """Let whoever reads that script from the package get the broken text."""
    text, real = mutated(file.read_text(encoding="utf-8")), Path.read_text

    def read_text(self: Path, *arguments: Any, **named: Any) -> str:
        return text if self == file else real(self, *arguments, **named)

    Path.read_text = read_text  # type: ignore[method-assign]
    assert resources.files("takeoff").joinpath(str(file.relative_to(ROOT))).read_text(encoding="utf-8") == text


def _break() -> None:
    file = ROOT / os.environ["TAKEOFF_MUTANT_FILE"]
    if file.suffix == ".py":
        sys.meta_path.insert(0, _Finder(file))
    else:
        _mutate_shell(file)


# As soon as this plugin is loaded: the conftest files, which come next, import the package already.
_break()
