"""Which migrations a version of the application has: derived from its number alone, so that any version can be built.

Every minor release adds a column by a regular migration, which the release before it tolerates, and removes the column
of the release before it by a post-deployment migration. After that one the older release truly fails: its statements
name a column that is gone.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

FIRST = (16, 11)
"""The release whose schema a new database starts from; older versions have the same schema."""

MINORS = 12
"""Minor releases of a major one: 17.0 … 17.11, then 18.0 (https://docs.gitlab.com/update/upgrade_paths/)."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.")


@dataclass(frozen=True)
class Migration:
    """One migration as it stands in a package.

    Attributes:
        id: Rails' timestamp, in the order of running.
        name: as `db:migrate:status` prints it.
        kind: ``regular`` (db/migrate) or ``post`` (db/post_migrate).
        sql: the statements, run in one transaction.
    """

    id: str
    name: str
    kind: str
    sql: tuple[str, ...]

    def described(self) -> dict[str, Any]:
        """The form that the package's ``schema.json`` has."""
        return {**asdict(self), "class": "".join(word.capitalize() for word in self.name.split())}


def release_of(version: str) -> tuple[int, int]:
    """Major and minor number of a package version such as ``17.1.0-ee.0``.

    Raises:
        ValueError: the text does not begin with two numbers.
    """
    if not (match := _VERSION.match(version)):
        raise ValueError(f"{version!r} is no version of the application: expected something like 17.1.0-ee.0")
    return int(match[1]), int(match[2])


def column_of(release: tuple[int, int]) -> str:
    """The column that a release keeps the text of notes in."""
    return "detail_{}_{}".format(*max(release, FIRST))


def previous(release: tuple[int, int]) -> tuple[int, int]:
    """The release before; the first one comes before all others."""
    major, minor = release
    return max(FIRST, (major, minor - 1) if minor else (major - 1, MINORS - 1))


def migrations_of(version: str) -> tuple[Migration, ...]:
    """All migrations of a version's package, from an empty database on."""
    chain = [release := max(release_of(version), FIRST)]
    while (release := previous(release)) != chain[-1]:
        chain.append(release)
    chain.reverse()
    return (_initial(), *(each for release in chain[1:] for each in _of_release(release)))


def _initial() -> Migration:
    column = column_of(FIRST)
    return Migration(
        id="20240415000000",
        name="Init schema",
        kind="regular",
        sql=(
            (
                f"CREATE TABLE notes (id bigserial PRIMARY KEY, title text NOT NULL, {column} text, "
                "processed boolean NOT NULL DEFAULT false)"
            ),
            "CREATE TABLE jobs (id bigserial PRIMARY KEY, note_id bigint NOT NULL)",
            (
                "CREATE TABLE batched_background_migrations (id bigserial PRIMARY KEY, status smallint NOT NULL, "
                "job_class_name text NOT NULL, table_name text NOT NULL, column_name text NOT NULL, "
                "job_arguments text NOT NULL DEFAULT '[]')"
            ),
        ),
    )


def _of_release(release: tuple[int, int]) -> tuple[Migration, Migration]:
    new, old = column_of(release), column_of(previous(release))
    months = 2024 * 12 + 4 + (release[0] - 17) * MINORS + release[1]  # 17.0 came in May 2024, one release a month
    month = f"{months // 12}{months % 12 + 1:02}"
    number = f"{release[0]} {release[1]}"
    regular = Migration(
        id=f"{month}05093000",
        name=f"Add detail {number} to notes",
        kind="regular",
        sql=(
            f"ALTER TABLE notes ADD COLUMN IF NOT EXISTS {new} text",
            (
                "INSERT INTO batched_background_migrations (status, job_class_name, table_name, column_name) "
                f"VALUES (3, 'BackfillNotes{release[0]}{release[1]:02}', 'notes', '{new}')"
            ),
        ),
    )
    post = Migration(
        id=f"{month}12140000",
        name=f"Remove {old.replace('_', ' ')} from notes",
        kind="post",
        sql=(f"ALTER TABLE notes DROP COLUMN IF EXISTS {old}",),
    )
    return regular, post
