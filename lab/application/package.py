"""Builds the application's Debian package in any version, with nothing but Python (deb(5), ar(5))."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

from lab.application.schema import column_of, migrations_of, previous, release_of

NAME = "gitlab-ee"
STOPS = (2, 5, 8, 11)
"""Minor numbers of required upgrade stops (https://docs.gitlab.com/update/upgrade_paths/)."""

_HERE = Path(__file__).parent
_TREE = _HERE / "tree"
_MAINTAINER_SCRIPTS = _HERE / "maintainer"
_RAILS = "opt/gitlab/embedded/service/gitlab-rails"
_BUILT_AT = 1_714_521_600
"""One time stamp for all that a package holds: the same version built twice has the same SHA256."""


def build_package(version: str, folder: Path, size_bytes: int = 0) -> Path:
    """Write ``gitlab-ee_VERSION_amd64.deb`` into a folder.

    Args:
        version: a Debian version such as ``17.1.0-ee.0``; its first two numbers decide the schema.
        folder: where the file goes; it must exist.
        size_bytes: pads the package with incompressible data to about this size; 0 leaves it at some 40 kB.

    Raises:
        ValueError: the version does not begin with two numbers.
    """
    files = _files(version)
    if (padding := size_bytes - sum(len(content) for content, _ in files.values())) and padding > 0:
        files["opt/gitlab/embedded/padding.bin"] = (random.Random(version).randbytes(padding), 0o644)
    installed_kib = sum(len(content) for content, _ in files.values()) // 1024 + 1
    control = {"control": (_control(version, installed_kib), 0o644)}
    for script in sorted(_MAINTAINER_SCRIPTS.iterdir()):
        text = script.read_text().replace("@MINIMUM@", "{}.{}".format(*minimum_release(version)))
        control[script.name] = (text.encode(), 0o755)
    path = folder / f"{NAME}_{version}_amd64.deb"
    members = (
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", gzip.compress(_tar(control), mtime=0)),
        ("data.tar", _tar(files)),
    )
    with path.open("wb") as stream:
        stream.write(b"!<arch>\n")
        for name, content in members:
            stream.write(f"{name:<16}{_BUILT_AT:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            stream.write(content + b"\n" * (len(content) % 2))
    return path


def minimum_release(version: str) -> tuple[int, int]:
    """The oldest installed release that the package's ``preinst`` accepts: the last required stop before it."""
    release = previous(release_of(version))
    while release[1] not in STOPS and release != previous(release):
        release = previous(release)
    return release


def _files(version: str) -> dict[str, tuple[bytes, int]]:
    """Path in the package → content and mode."""
    files = {
        str(path.relative_to(_TREE)): (path.read_bytes(), path.stat().st_mode & 0o777 | 0o644)
        for path in sorted(_TREE.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    schema = {
        "version": version,
        "release": f"{version.split('-')[0]}-ee",
        "column": column_of(release_of(version)),
        "migrations": [migration.described() for migration in migrations_of(version)],
    }
    revision = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()[:11]
    generated = {
        f"{_RAILS}/VERSION": schema["release"],
        f"{_RAILS}/REVISION": revision,
        f"{_RAILS}/schema.json": json.dumps(schema, indent=1),
        "opt/gitlab/version-manifest.txt": f"{NAME} {version}",
        "opt/gitlab/version-manifest.json": json.dumps({"build_version": version.rsplit(".", 1)[0]}),
    }
    return files | {path: (f"{text}\n".encode(), 0o644) for path, text in generated.items()}


def _control(version: str, installed_kib: int) -> bytes:
    fields = {
        "Package": NAME,
        "Version": version,
        "Architecture": "amd64",
        "Maintainer": "Takeoff lab <lab@takeoff.invalid>",
        "Installed-Size": installed_kib,
        "Depends": "python3",
        "Section": "misc",
        "Priority": "optional",
        "Homepage": "https://about.gitlab.com/",
        "Description": "small application that is deployed like GitLab EE",
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items()).encode()


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        folders = {str(parent) for path in files for parent in Path(path).parents}
        for folder in sorted(folders, key=lambda each: (each != ".", each)):
            entry = tarfile.TarInfo("./" if folder == "." else f"./{folder}")
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, _BUILT_AT
            archive.addfile(entry)
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.size, entry.mode, entry.mtime = len(content), mode, _BUILT_AT
            entry.uname = entry.gname = "root"
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
