"""Finds and reads the environment files; one broken file never hides the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from takeoff.core.environment import Environment
from takeoff.core.environment_text import parse_environment
from takeoff.core.errors import ConfigError
from takeoff.core.package_settings import AptSource

FOLDER_VARIABLE = "TAKEOFF_ENVIRONMENTS"
"""Environment variable with the folder of the environment files; ``config/environments`` of this tree if unset."""

SUFFIXES = (".yml", ".yaml")


class LoadedEnvironment(NamedTuple):
    """A valid environment file.

    Attributes:
        environment: the model; its relative paths were made absolute, its inventories are not yet resolved.
        sha256: hex digest of the file's text.
        path: the file.
    """

    environment: Environment
    sha256: str
    path: Path


class BrokenEnvironment(NamedTuple):
    """A file that is no valid environment.

    Attributes:
        path: the file.
        error: what is wrong in it, with line and field.
    """

    path: Path
    error: ConfigError


def environments_folder() -> Path:
    """Name the folder of the environment files."""
    if given := os.environ.get(FOLDER_VARIABLE):
        return Path(given).expanduser()
    return Path(__file__).resolve().parents[2] / "config" / "environments"


def environment_paths(folder: Path | None = None) -> list[Path]:
    """List the environment files of a folder, by name; none if there is no such folder."""
    folder = folder or environments_folder()
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith("."))


def load_environment(name_or_path: str) -> LoadedEnvironment:
    """Read one environment.

    Args:
        name_or_path: a name in the folder (``gstg``), or the path of a file.

    Raises:
        ConfigError: there is no such file, it cannot be read, or it is wrong.
    """
    return _read(_find(name_or_path))


def load_environments(folder: Path | None = None) -> Iterator[LoadedEnvironment | BrokenEnvironment]:
    """Read every environment of a folder, in order of names; two files with the same name are both broken."""
    read: list[LoadedEnvironment | BrokenEnvironment] = []
    for path in environment_paths(folder):
        try:
            read.append(_read(path))
        except ConfigError as error:
            read.append(BrokenEnvironment(path, error))
    yield from read


def _find(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        if path.is_file():
            return path
        raise ConfigError(f"{name_or_path}: there is no such file")
    found = [one for one in environment_paths() if one.stem == name_or_path]
    if found:
        return found[0]
    known = ", ".join(one.stem for one in environment_paths()) or "none"
    raise ConfigError(
        f"no environment {name_or_path!r} in {environments_folder()} (there: {known}); give one of these, the path of "
        f"a file, or set {FOLDER_VARIABLE}"
    )


def _read(path: Path) -> LoadedEnvironment:
    others = (path.with_suffix(suffix) for suffix in SUFFIXES if suffix != path.suffix)
    twins = [other.name for other in others if other.exists()]
    if twins:
        raise ConfigError(
            f"{path}: {twins[0]} beside it is of the same name, and which one counts cannot be told; remove one of them"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: this is no UTF-8: save the file in that encoding") from None
    environment, sha256 = parse_environment(text, str(path))
    if environment.name != path.stem:
        raise ConfigError(
            f"{path}: name: is {environment.name!r}, but the file is called {path.name!r}; both must be the same"
        )
    return LoadedEnvironment(_with_absolute_paths(environment, path.resolve().parent), sha256, path)


def _with_absolute_paths(environment: Environment, folder: Path) -> Environment:
    """Resolve the paths that the file writes relative to itself."""

    def absolute(path: str | None) -> str | None:
        return None if path is None else str(folder / Path(path).expanduser())

    ssh = environment.ssh.model_copy(
        update={
            key: absolute(getattr(environment.ssh, key)) for key in ("identity_file", "certificate_file", "known_hosts")
        }
    )
    sources = tuple(
        source.model_copy(update={"keyring": absolute(source.keyring)}) if isinstance(source, AptSource) else source
        for source in environment.package.sources
    )
    stages = tuple(
        stage.model_copy(
            update={
                "roles": {
                    role: part
                    if part.inventory is None
                    else part.model_copy(
                        update={"inventory": part.inventory.model_copy(update={"file": absolute(part.inventory.file)})}
                    )
                    for role, part in stage.roles.items()
                }
            }
        )
        for stage in environment.stages
    )
    package = environment.package.model_copy(update={"sources": sources})
    return environment.model_copy(update={"ssh": ssh, "package": package, "stages": stages})
