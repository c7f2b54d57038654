"""Whole looks for packages: real repositories, the journal's record, and what is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from takeoff.core.environment import Environment
from takeoff.core.errors import ConfigError, SourceUnavailable, SourceUntrusted, VersionError
from takeoff.core.operation import Driver, Operation, OperationKind
from takeoff.core.package_report import PackageReport
from takeoff.core.record import Deployed, Hold, OperationRecord, Record
from takeoff.engine.new_package import Wanted, choose_package
from takeoff.engine.packages import find_version, look_for_packages
from takeoff.engine.session import Session
from takeoff.engine.shell_credentials import ShellCredentials
from tests.clients.debian_repository import SUITE, Archive, Keys, needs
from tests.clients.test_packagecloud import Server, fragment
from tests.clients.web_server import Script, serving

pytestmark = needs("apt-ftparchive", "dpkg-deb", "gpg", "gpgv")

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
DEAD = "http://127.0.0.1:1"
HOOKED = {"AIRFLOW_CONN_PACKAGES": '{"conn_type": "http", "login": "", "password": "t0ken"}'}


class Clock:
    def now(self) -> datetime:
        return NOW


class Journal:
    """Holds one record."""

    def __init__(self, record: Record) -> None:
        self.record = record

    async def read(self) -> Record:
        return self.record


MakeSession = Callable[..., Session]


@pytest.fixture
def session(
    keys: Keys,
    web: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> MakeSession:
    """A function that makes a session of an environment with these sources and that record."""
    monkeypatch.setenv("TAKEOFF_CACHE", str(tmp_path / "cache"))
    apt = {"type": "apt", "url": web.url, "suites": [SUITE], "keyring": str(keys.keyring)}

    def make(*sources: dict[str, Any], record: Record | None = None, **package: Any) -> Session:
        environment = Environment.model_validate(
            {
                "name": "gstg",
                "package": {
                    "name": "gitlab-ee",
                    "sources": [one if "type" in one else apt | one for one in sources or ({},)],
                }
                | package,
                "ssh": {"user": "takeoff"},
                "deploy_node": "deploy-01",
                "stages": [{"name": "main", "roles": {"web": ["web-01"]}}],
            }
        )
        return Session(
            environment=environment,
            environment_sha256="0" * 64,
            transport=cast(Any, None),
            clock=cast(Any, Clock()),
            journal=cast(Any, Journal(record or recorded())),
            leases=cast(Any, None),
            progress=cast(Any, None),
            credentials=ShellCredentials(HOOKED),
        )

    return make


@pytest.fixture
def packagecloud(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A packagecloud that holds 17.5.0, as a source of an environment file."""
    folder = tmp_path / "packagecloud"
    folder.mkdir()
    with serving(folder) as script:
        script.answers[""] = Server([fragment("17.5.0")]).answer
        settings = {"url": script.url, "repository": "gitlab/pre-release", "distribution": "ubuntu/jammy"}
        yield {"type": "packagecloud", "connection": "packages", **settings}


def recorded(deployed: str = "17.4.0-ee.0", **more: Any) -> Record:
    return Record(authority="a", deployed=(Deployed(version=deployed, at=NOW, operation=""),), **more)


async def look(session: Session, **more: Any) -> PackageReport:
    return await look_for_packages(session, **{"deployed": "17.4.0-ee.0", "rejected": {}, **more})


async def test_a_look_names_the_next_version_its_builds_and_every_reason(
    archive: Archive, session: MakeSession
) -> None:
    archive.publish("17.3.0-ee.0", "17.4.0-ee.0", "17.5.0-ee.0", "17.5.1-ee.0", "17.6.0-ee.0")

    report = await look(session(), rejected={"17.5.1-ee.0": "500s"})

    assert (report.version, report.kind) == ("17.5.0-ee.0", "release")
    assert [line.state for line in report.sources] == ["answered"]
    (artifact,) = report.artifacts
    assert (len(artifact.sha256), artifact.architecture) == (64, "amd64")
    assert {one.version: one.reason for one in report.passed_over} == {
        "17.6.0-ee.0": "jumps over 17.5, a required stop of the upgrade path: deploy that first",
        "17.5.1-ee.0": "was rejected: 500s",
        "17.4.0-ee.0": "is deployed",
        "17.3.0-ee.0": "is older than the deployed 17.4.0-ee.0",
    }
    assert PackageReport.model_validate_json(report.model_dump_json()) == report
    assert report.model_dump()["schema_version"] == 1


async def test_the_log_tells_what_the_report_holds(archive: Archive, session: MakeSession) -> None:
    archive.publish("17.4.1-ee.0", *(f"17.3.{patch}-ee.0" for patch in range(6)))
    lines = list((await look(session())).lines())
    assert lines[0].endswith(": answered (7 versions)")
    assert lines[1:3] == ["deployed: 17.4.0-ee.0", "next: 17.4.1-ee.0"]
    assert "passed over: 17.3.5-ee.0 is older than the deployed 17.4.0-ee.0" in lines
    assert lines[-1] == "passed over: 3 more, each of which is older than the deployed 17.4.0-ee.0"
    assert len(lines) == 3 + 3 + 1


async def test_the_second_source_answers_for_the_first_and_tells_the_hash(
    session: MakeSession, packagecloud: dict[str, Any]
) -> None:
    report = await look(session({"url": DEAD}, packagecloud))
    assert [line.state for line in report.sources] == ["unavailable", "answered"]
    assert "connection refused" in report.sources[0].message
    assert report.version == "17.5.0-ee.0"
    (build,) = report.builds
    assert (build.sha256, build.size, build.distribution) == ("c" * 64, 1473688978, "ubuntu/jammy")
    assert build.published_at is not None


async def test_no_source_that_answers_is_an_error_that_names_each(session: MakeSession) -> None:
    report = await look(session({"url": DEAD}, {"url": DEAD, "suites": ["noble"]}))
    assert not report.version
    with pytest.raises(
        SourceUnavailable, match=r"packages of gstg: no source answers \(.* jammy: .*; .* noble: "
    ) as caught:
        report.raise_without_answer()
    assert str(caught.value).count("connection refused") == 2


async def test_a_doubtful_source_is_an_error_though_another_would_answer(
    archive: Archive, session: MakeSession
) -> None:
    archive.publish("17.5.0-ee.0")
    archive.sign(archive.release(), key="stranger")
    report = await look(session({}, {"url": DEAD}))
    assert [line.state for line in report.sources] == ["untrusted", "not asked"]
    with pytest.raises(SourceUntrusted, match="is signed by key"):
        report.raise_without_answer()


async def test_a_version_that_one_distribution_lacks_is_passed_over(archive: Archive, session: MakeSession) -> None:
    archive.publish("17.4.1-ee.0")
    archive.index(suite="noble")
    archive.sign(archive.release(suite="noble"), suite="noble")
    archive.publish("17.4.2-ee.0")
    both = {"suites": [SUITE], "distribution": "ubuntu/jammy"}, {"suites": ["noble"], "distribution": "ubuntu/noble"}

    report = await look(session(*both))

    assert report.version == "17.4.1-ee.0"
    assert [build.distribution for build in report.builds] == ["ubuntu/jammy", "ubuntu/noble"]
    assert report.passed_over[0].reason == "is not there for ubuntu/noble amd64"


async def test_one_silent_distribution_is_an_error_though_the_other_answers(
    archive: Archive, session: MakeSession
) -> None:
    archive.publish("17.4.1-ee.0")
    both = {"distribution": "ubuntu/jammy"}, {"url": DEAD, "distribution": "ubuntu/noble"}
    report = await look(session(*both))
    with pytest.raises(SourceUnavailable, match="no source for ubuntu/noble answers"):
        report.raise_without_answer()


async def test_a_missing_connection_is_told_with_its_field(session: MakeSession) -> None:
    with pytest.raises(ConfigError, match=r"package\.sources\.0\.connection: there is no connection 'nobody'"):
        await look(session({"connection": "nobody"}))


async def test_a_typed_version_is_completed_with_its_builds(archive: Archive, session: MakeSession) -> None:
    archive.publish("17.4.1-ee.0", "17.9.0-ee.0")
    found = await find_version(session(), "17.9.0")
    assert found.version.text == "17.9.0-ee.0"
    assert len(found.artifacts) == 1


async def test_a_typed_version_that_is_nowhere_is_refused(archive: Archive, session: MakeSession) -> None:
    archive.publish("17.4.1-ee.0")
    with pytest.raises(
        VersionError, match=r"'17\.4\.7' is in no source; the nearest versions there are 17\.4\.1-ee\.0"
    ):
        await find_version(session(), "17.4.7")


async def test_whether_a_typed_version_exists_is_unknown_without_an_answer(session: MakeSession) -> None:
    with pytest.raises(SourceUnavailable, match="no source answers"):
        await find_version(session({"url": DEAD}), "17.4.7")


def opened(run: str, version: str) -> dict[str, OperationRecord]:
    operation = Operation(
        id="gstg-7",
        opened_at=NOW,
        kind=OperationKind.DEPLOY,
        environment="gstg",
        package="gitlab-ee",
        version=version,
        environment_sha256="0" * 64,
        deploy_node=cast(Any, {"name": "deploy-01"}),
        placements=(),
        requested_by="release-manager",
        run=run,
    )
    return {"gstg-7": OperationRecord(details=operation, driver=Driver(name="n", task="lease", by="b"), epoch=3)}


HELD = Hold(by="release-manager", reason="incident 42", since=NOW - timedelta(hours=1))
RUN = "deploy_gstg/scheduled__1"


@pytest.mark.parametrize(
    ("record", "wanted", "version", "reason"),
    [
        (recorded(), Wanted(RUN, automatic=True), "17.5.0-ee.0", ""),
        (recorded(), Wanted(RUN, "17.4.1"), "17.4.1-ee.0", ""),
        (recorded("17.5.0-ee.0"), Wanted(RUN, automatic=True), "", ""),
        (recorded(operations=opened(RUN, "17.4.9-ee.0")), Wanted(RUN, "17.5.0", automatic=True), "17.4.9-ee.0", ""),
        (
            recorded(operations=opened("other", "17.4.9-ee.0")),
            Wanted(RUN, automatic=True),
            "",
            "gstg-7 .* holds the lease",
        ),
        (
            recorded(hold=HELD),
            Wanted(RUN, automatic=True),
            "",
            "17.5.0-ee.0 is there; paused: .*incident 42.*release-manager",
        ),
        (recorded(hold=HELD), Wanted(RUN), "17.5.0-ee.0", ""),
        (recorded(hold=HELD.model_copy(update={"until": NOW})), Wanted(RUN, automatic=True), "17.5.0-ee.0", ""),
        (recorded("17.5.0-ee.0", hold=HELD), Wanted(RUN, automatic=True), "", ""),
        (Record(), Wanted(RUN, automatic=True), "", ""),
    ],
    ids=[
        *["newest", "named", "nothing new", "of its operation", "busy", "held", "held, by a person", "hold expired"],
        *["held and nothing new", "not adopted"],
    ],
)
async def test_a_run_is_told_its_version_or_why_there_is_none(
    archive: Archive,
    session: MakeSession,
    record: Record,
    wanted: Wanted,
    version: str,
    reason: str,
) -> None:
    archive.publish("17.4.1-ee.0", "17.5.0-ee.0")
    found = await choose_package(session(record=record), wanted)
    assert found.version == version
    if reason:
        assert re.search(reason, found.reason)
    else:
        assert not found.reason


async def test_no_answer_is_not_nothing_new(session: MakeSession) -> None:
    with pytest.raises(SourceUnavailable):
        await choose_package(session({"url": DEAD}), Wanted(RUN, automatic=True))
