"""`make` and `.ci/setup` as a newcomer meets them: one clear sentence when something is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TARGETS = ["setup", "demo", "demo-failure", "down", "test", "soak", "lint", "bench", "requirements", "help"]


def run(*command: str, path: Path | None = None, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}:/usr/bin:/bin" if path else os.environ["PATH"], "HOME": str(cwd)}
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that comes first on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def test_make_alone_lists_every_target_in_one_line() -> None:
    listed = run("make").stdout
    assert re.findall(r"^  make ([a-z-]+) +\S.*$", listed, re.MULTILINE) == sorted(
        TARGETS, key=lambda name: listed.index(f"make {name} ")
    )
    assert len(listed.splitlines()) == len(TARGETS)


def test_a_python_that_is_too_old_is_refused_in_one_sentence(programs: Path, tmp_path: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        program(programs, name, '[ "$1" = --version ] && echo Python 3.9.2 && exit; exit 1')
    refused = run(str(REPOSITORY / ".ci" / "setup"), str(tmp_path / "venv"), path=programs)
    assert refused.returncode != 0
    assert refused.stdout == ""
    assert re.fullmatch(
        r"setup: Python 3\.11 or newer is needed, but 'python3' is Python 3\.9\.2: .*\n", refused.stderr
    )


def test_no_python_at_all_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = run("env", "PYTHON=no-such-python", str(REPOSITORY / ".ci" / "setup"), str(tmp_path / "venv"))
    assert refused.returncode != 0
    assert re.fullmatch(
        r"setup: Python 3\.11 or newer is needed, but 'no-such-python' is not there: .*\n", refused.stderr
    )


def test_a_missing_venv_module_is_refused_with_the_package_to_install(programs: Path, tmp_path: Path) -> None:
    program(programs, "python3", 'case "$2" in *ensurepip*) exit 1 ;; esac; exit 0')
    refused = run(str(REPOSITORY / ".ci" / "setup"), str(tmp_path / "venv"), path=programs)
    assert refused.returncode != 0
    assert re.fullmatch(r"setup: \S*python3 has no venv module: .*apt-get install python3-venv.*\n", refused.stderr)


def test_a_failed_install_says_so_and_leaves_no_mark_of_success(programs: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / ".ci", tmp_path / ".ci")
    program(programs, "uv", "echo no index >&2; exit 2")
    failed = run("make", "setup", path=programs, cwd=tmp_path)
    assert failed.returncode != 0
    assert "the pinned packages could not be installed" in failed.stderr
    assert not (tmp_path / ".venv" / "installed").exists()


def test_set_up_again_only_when_the_pins_or_the_settings_change(programs: Path, tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path)
    shutil.copytree(REPOSITORY / ".ci", tmp_path / ".ci")
    program(programs, "uv", 'echo "$@" >>uv.calls')
    calls = tmp_path / "uv.calls"
    assert run("make", "setup", path=programs, cwd=tmp_path).returncode == 0
    assert len(calls.read_text().splitlines()) == 2
    assert run("make", "setup", path=programs, cwd=tmp_path).stdout.strip() in {
        "",
        "make: Nothing to be done for 'setup'.",
    }
    assert len(calls.read_text().splitlines()) == 2
    newer = (tmp_path / ".venv" / "installed").stat().st_mtime + 5
    os.utime(tmp_path / "requirements.txt", (newer, newer))
    assert run("make", "setup", path=programs, cwd=tmp_path).returncode == 0
    assert len(calls.read_text().splitlines()) == 4


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-bench.txt"])
def test_every_pin_has_hashes_and_names_no_index(name: str) -> None:
    text = (REPOSITORY / name).read_text()
    pins = re.findall(r"^([a-z0-9][\w.-]*)==\S+( ;.*?)? \\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))
    assert not re.search(r"--(extra-)?index-url|--find-links", text)


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in", "requirements-bench.in"])
def test_every_wish_is_pinned(name: str) -> None:
    pinned = (REPOSITORY / name.replace(".in", ".txt")).read_text().lower()
    for line in (REPOSITORY / name).read_text().splitlines():
        if wish := re.match(r"([A-Za-z0-9][\w.-]*)", line):
            assert f"\n{wish[1].lower()}==" in f"\n{pinned}", (
                f"{wish[1]} of {name} is not pinned: run make requirements"
            )


def test_ci_runs_the_test_command_on_real_hosts() -> None:
    text = (REPOSITORY / ".ci" / "run").read_text()
    assert "set -euo pipefail" in text
    assert re.search(r"export CI=true TAKEOFF_LAB=real\n(exec )?make test\n", text)
