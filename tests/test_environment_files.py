"""Environment files are found and read; a broken one hides no other."""

from pathlib import Path

import pytest

from takeoff.core.errors import ConfigError
from takeoff.core.package_settings import AptSource
from takeoff.environment_files import (
    FOLDER_VARIABLE,
    BrokenEnvironment,
    LoadedEnvironment,
    environments_folder,
    load_environment,
    load_environments,
)
from tests.core.conftest import SMALL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    return tmp_path


def write(folder: Path, name: str, text: str | None = None) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(SMALL.replace("name: lab", f"name: {name}") if text is None else text)
    return path


def test_a_name_is_looked_for_in_the_folder(folder: Path) -> None:
    write(folder, "gprd")
    assert load_environment("gprd").environment.name == "gprd"


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "gprd")
    assert load_environment(str(path)).path == path


def test_an_unknown_name_is_answered_with_those_that_there_are(folder: Path) -> None:
    write(folder, "gprd")
    with pytest.raises(ConfigError, match=r"no environment 'gprod'.*there: gprd"):
        load_environment("gprod")


def test_a_path_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_environment(str(tmp_path / "gone.yml"))


def test_without_the_variable_the_files_of_this_tree_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    assert environments_folder() == Path(__file__).parents[1] / "config" / "environments"
    assert [one.environment.name for one in load_environments() if isinstance(one, LoadedEnvironment)] == ["gstg"]


def test_a_broken_file_is_told_and_the_others_live_on(folder: Path) -> None:
    write(folder, "broken", SMALL.replace("name: lab", "name: broken").replace("deploy_node", "deploy_nod"))
    write(folder, "gprd")
    write(folder, "nonsense", "{")
    found = list(load_environments())

    assert [type(one) for one in found] == [BrokenEnvironment, LoadedEnvironment, BrokenEnvironment]
    assert isinstance(found[0], BrokenEnvironment)
    assert "broken.yml:8: deploy_nod: no such key; did you mean 'deploy_node'?" in str(found[0].error)


def test_a_file_is_called_as_its_environment_is(tmp_path: Path) -> None:
    path = tmp_path / "other.yml"
    path.write_text(SMALL)
    with pytest.raises(ConfigError, match=r"name: is 'lab', but the file is called 'other.yml'"):
        load_environment(str(path))


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.yml").mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_environment("lab")


def test_the_line_that_is_no_utf_8_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.yml").write_bytes("name: lab\n# Zürich\n".encode("latin-1"))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ConfigError, match=r"lab\.yml:2: this is no UTF-8"):
        load_environment("lab")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    text = SMALL.replace(
        "ssh: {user: takeoff,", "ssh: {user: takeoff, identity_file: keys/id, known_hosts: /etc/known,"
    )
    text = text.replace("roles: {git: [", "roles: {pages: {inventory: {file: hosts.ini, group: pages}}, git: [")
    environment = load_environment(str(write(tmp_path, "lab", text))).environment

    assert environment.ssh.identity_file == str(tmp_path / "keys" / "id")
    assert environment.ssh.known_hosts == "/etc/known"
    assert environment.ssh.certificate_file is None
    source = environment.package.sources[0]
    assert isinstance(source, AptSource)
    assert source.keyring == str(tmp_path / "key.gpg")
    inventory = environment.stage("main").roles["pages"].inventory
    assert inventory is not None
    assert inventory.file == str(tmp_path / "hosts.ini")


def test_two_files_of_one_name_are_both_broken(folder: Path) -> None:
    write(folder, "gprd").rename(folder / "gprd.yaml")
    write(folder, "gprd")
    write(folder, "gstg")
    first, second, other = load_environments(folder)
    assert isinstance(first, BrokenEnvironment)
    assert isinstance(second, BrokenEnvironment)
    assert "gprd.yml beside it is of the same name" in str(first.error)
    assert "gprd.yaml beside it is of the same name" in str(second.error)
    assert isinstance(other, LoadedEnvironment)
    with pytest.raises(ConfigError, match="remove one of them"):
        load_environment("gprd")
