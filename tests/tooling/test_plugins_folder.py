"""Airflow executes what it finds under plugins/ by bare name; the ignore file keeps it to the registrar."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"

LOAD_AND_LIST = """
import json, sys
from airflow import plugins_manager
plugins_manager._get_plugins()
folder = sys.argv[1]
loaded = [name for name, module in sys.modules.items() if (getattr(module, "__file__", "") or "").startswith(folder)]
print(json.dumps({"loaded": sorted(loaded), "errors": plugins_manager.get_import_errors()}))
"""


def load(plugins: Path, home: Path) -> dict[str, list[str] | dict[str, str]]:
    """Let Airflow load that plugins folder, in a process of its own; list the modules that came from it."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(plugins),
    }
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_LIST, str(plugins)], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_only_the_registrar_is_executed_by_bare_name(tmp_path: Path) -> None:
    answer = load(PLUGINS, tmp_path)
    assert answer["errors"] == {}
    bare = [name for name in answer["loaded"] if name.split(".")[0] != "takeoff"]
    assert bare == ["takeoff_plugin"]


@pytest.mark.parametrize("ignored", [False, True], ids=["without the ignore file", "with it"])
def test_a_client_named_like_a_library_would_replace_it_but_for_the_ignore_file(tmp_path: Path, ignored: bool) -> None:
    plugins = tmp_path / "plugins"
    clients = plugins / "takeoff" / "clients"
    clients.mkdir(parents=True)
    (clients / "gitlab.py").write_text("")
    if ignored:
        shutil.copy(PLUGINS / ".airflowignore", plugins)
    assert ("gitlab" in load(plugins, tmp_path)["loaded"]) != ignored
