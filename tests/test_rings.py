"""The house's rules that a reader relies on, checked on every tracked file."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "plugins" / "takeoff"

MAY_IMPORT = {
    "core": {"core"},
    "environment_files": {"core"},
    "fleet": {"core", "fleet"},
    "clients": {"core", "clients"},
    "engine": {"core", "environment_files", "fleet", "clients", "engine"},
}
"""Inner rings: part of the package → the parts that it may import. Every other part is outside and may import all."""
WITHOUT_AIRFLOW = {*MAY_IMPORT, "cli"}
IMPORT_DOES_INPUT_OR_OUTPUT = {
    *(
        "aiohttp",
        "asyncio",
        "asyncssh",
        "gitlab",
        "http",
        "httpx",
        "paramiko",
        "requests",
        "select",
        "shutil",
        "socket",
    ),
    *("sqlalchemy", "sqlite3", "subprocess", "tempfile", "threading", "time", "urllib.request"),
}
CALL_DOES_INPUT_OR_OUTPUT = {"open", "print", "read_text", "read_bytes", "write_text", "write_bytes", "now", "utcnow"}
MAY_RAISE_AIRFLOWS_ERRORS = {"operators", "sensors"}
AIRFLOW_ERROR = re.compile(r"Airflow\w*(Exception|Error|Timeout)|Task(Deferred|AwaitingInput)")
VAGUE_NAME = re.compile(r"(^|_)(utils?|helpers?|common|misc|managers?|stuff|tools?|base|lib)(_|$)")
VAGUE_CLASS = re.compile(r"(Utils?|Helpers?|Manager)$")
LONGEST_FILE = 400
LINES_COUNT_IN = {".py", ".sh", ".js", ".jsx", ".css", ".in", ".toml", ".yml", ".yaml", ""}


@cache
def tracked_files() -> tuple[Path, ...]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True).stdout.decode()
    return tuple(path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file())


def modules() -> Iterator[Path]:
    yield from (path for path in tracked_files() if path.suffix == ".py" and path.is_relative_to(PACKAGE))


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to: a folder, or a module beside the folders."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def syntax(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, also inside functions and for type checking only."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def names(code: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and text of every name and attribute in the code."""
    for node in ast.walk(code):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def calls(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Call):
            function = node.func
            yield node.lineno, function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def place(path: Path, line: int) -> str:
    return f"{path.relative_to(REPOSITORY)}:{line}"


def test_there_is_a_package_to_check() -> None:
    assert {part_of(path) for path in modules()} >= {"core", "fleet", "clients", "engine", "operators", "cli"}


def test_each_ring_imports_only_what_lies_inside_it() -> None:
    wrong = []
    for path in modules():
        allowed = MAY_IMPORT.get(part_of(path))
        for line, name in imports(path):
            root, _, rest = name.partition(".")
            part = rest.partition(".")[0]
            if allowed is not None and (
                root in {"lab", "tests", "dags"} or (root == "takeoff" and part not in allowed)
            ):
                wrong.append(f"{place(path, line)} imports {name}; {part_of(path)} may import {sorted(allowed)}")
    assert wrong == []


def test_airflow_is_imported_in_the_outer_ring_only() -> None:
    assert [
        f"{place(path, line)} imports {name}"
        for path in modules()
        if part_of(path) in WITHOUT_AIRFLOW
        for line, name in imports(path)
        if name.split(".")[0] == "airflow"
    ] == []


def test_airflows_exceptions_are_raised_in_operators_and_sensors_only() -> None:
    """Elsewhere in the outer ring they may be caught, where Airflow is asked for a connection."""
    assert [
        f"{place(path, line)} raises {name}"
        for path in modules()
        if part_of(path) not in MAY_RAISE_AIRFLOWS_ERRORS
        for raising in ast.walk(syntax(path))
        if isinstance(raising, ast.Raise) and raising.exc
        for line, name in names(raising.exc)
        if AIRFLOW_ERROR.fullmatch(name)
    ] == []


def test_core_does_no_input_or_output() -> None:
    wrong = []
    for path in modules():
        if part_of(path) != "core":
            continue
        for line, name in imports(path):
            if any(name == banned or name.startswith(f"{banned}.") for banned in IMPORT_DOES_INPUT_OR_OUTPUT):
                wrong.append(f"{place(path, line)} imports {name}")
        wrong += [
            f"{place(path, line)} calls {name}()" for line, name in calls(path) if name in CALL_DOES_INPUT_OR_OUTPUT
        ]
    assert wrong == []


@pytest.mark.parametrize("module", ["takeoff.cli", "takeoff.engine", "takeoff.fleet", "takeoff.core.environment"])
def test_importing_the_command_or_an_inner_ring_loads_no_airflow(module: str) -> None:
    script = f"import sys, {module}; print(*sorted(name for name in sys.modules if name.split('.')[0] == 'airflow'))"
    environment = {"PYTHONPATH": f"{REPOSITORY / 'plugins'}", "PATH": ""}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    lengths = {
        path: len(path.read_text().splitlines())
        for path in tracked_files()
        if path.suffix in LINES_COUNT_IN and not path.name.startswith("package-lock")
    }
    assert {str(path.relative_to(REPOSITORY)): count for path, count in lengths.items() if count > LONGEST_FILE} == {}


def test_no_name_hides_what_is_in_it() -> None:
    vague = [str(path.relative_to(REPOSITORY)) for path in tracked_files() if VAGUE_NAME.search(path.stem.lower())]
    vague += [
        f"{place(path, node.lineno)} {node.name}"
        for path in tracked_files()
        if path.suffix == ".py"
        for node in ast.walk(syntax(path))
        if isinstance(node, ast.ClassDef) and VAGUE_CLASS.search(node.name)
    ]
    assert vague == []


BANNED = [
    pytest.param("/wo" + "rk/", id="a folder of one developer's machine"),
    pytest.param("py" + "pi.org", id="a package index"),
    pytest.param("python" + "hosted.org", id="a package index's files"),
    pytest.param("registry.npm" + "js", id="a package registry"),
    pytest.param("deb.deb" + "ian.org", id="a package mirror"),
]


@pytest.mark.parametrize("banned", BANNED)
def test_no_tracked_file_names(banned: str) -> None:
    assert [
        place(path, number)
        for path in tracked_files()
        for number, line in enumerate(path.read_bytes().decode(errors="replace").splitlines(), 1)
        if banned in line
    ] == []
