"""Everything that can be wrong with a repository: each has its own sentence, and nothing of it is believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from takeoff.clients.apt_repository import AptRepository
from takeoff.core.errors import SourceUnavailable, SourceUntrusted
from tests.clients.debian_repository import SUITE, Archive, needs
from tests.clients.web_server import Handler, Script

pytestmark = needs("apt-ftparchive", "dpkg-deb", "gpg", "gpgv")

Repository = Callable[..., AptRepository]
INDEX = f"dists/{SUITE}/main/binary-amd64/Packages.xz"
HTML = b"<!DOCTYPE html>\n<html><body>Please log in</body></html>\n" + b" " * 2000


def signed_by_another_key(archive: Archive, web: Script) -> None:
    archive.sign(archive.release(), key="stranger")


def signed_by_an_expired_key(archive: Archive, web: Script) -> None:
    archive.sign(archive.release(), key="expired")


def not_signed(archive: Archive, web: Script) -> None:
    (archive.root / f"dists/{SUITE}/InRelease").write_bytes(archive.release())


def without_any_signature_file(archive: Archive, web: Script) -> None:
    (archive.root / f"dists/{SUITE}/Release").write_bytes(archive.release())


def valid_until_yesterday(archive: Archive, web: Script) -> None:
    archive.sign(archive.release(more="Valid-Until: Mon, 23 Nov 2020 10:00:00 UTC\n"))


def signed_text_changed(archive: Archive, web: Script) -> None:
    file = archive.root / f"dists/{SUITE}/InRelease"
    file.write_bytes(file.read_bytes().replace(b"Codename: jammy", b"Codename: gammy"))


def detached_text_changed(archive: Archive, web: Script) -> None:
    archive.sign(archive.release(), detached=True)
    file = archive.root / f"dists/{SUITE}/Release"
    file.write_bytes(file.read_bytes().replace(b"Codename: jammy", b"Codename: gammy"))


def text_before_the_signed_part(archive: Archive, web: Script) -> None:
    file = archive.root / f"dists/{SUITE}/InRelease"
    file.write_bytes(b"Suite: evil\n\n" + file.read_bytes())


def text_after_the_signed_part(archive: Archive, web: Script) -> None:
    file = archive.root / f"dists/{SUITE}/InRelease"
    file.write_bytes(file.read_bytes() + b"SHA256:\n 00 1 main/binary-amd64/Packages\n")


def two_signed_parts(archive: Archive, web: Script) -> None:
    file = archive.root / f"dists/{SUITE}/InRelease"
    file.write_bytes(file.read_bytes() * 2)


def release_cut_in_the_middle(archive: Archive, web: Script) -> None:
    file = archive.root / f"dists/{SUITE}/InRelease"
    file.write_bytes(file.read_bytes()[:400])


def index_changed_after_signing(archive: Archive, web: Script) -> None:
    file = archive.root / INDEX
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)


def half_uploaded_index(archive: Archive, web: Script) -> None:
    file = archive.root / INDEX
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def index_of_the_version_after(archive: Archive, web: Script) -> None:
    archive.add("17.5.0-ee.0")
    archive.index()


def index_not_there(archive: Archive, web: Script) -> None:
    (archive.root / INDEX).unlink()


def html_instead_of_the_index(archive: Archive, web: Script) -> None:
    (archive.root / INDEX).write_bytes(HTML)


def html_instead_of_the_release(archive: Archive, web: Script) -> None:
    (archive.root / f"dists/{SUITE}/InRelease").write_bytes(HTML)


def no_xz_though_signed(archive: Archive, web: Script) -> None:
    (archive.root / INDEX).write_bytes(b"not xz at all")
    archive.sign(archive.release())


def no_such_suite(archive: Archive, web: Script) -> None:
    (archive.root / f"dists/{SUITE}/InRelease").unlink()


def status(number: int, **headers: str) -> Callable[[Archive, Script], None]:
    def script(archive: Archive, web: Script) -> None:
        web.answers["InRelease"] = lambda handler: handler.reply(number, b"sorry", **headers)

    return script


def silent(archive: Archive, web: Script) -> None:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"-----BEGIN")
        handler.wfile.flush()
        handler.connection.settimeout(5)
        handler.rfile.read(1)  # until the client hangs up
        handler.close_connection = True

    web.answers["InRelease"] = answer


def dripping(archive: Archive, web: Script) -> None:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 10)
            handler.wfile.flush()
            time.sleep(0.05)

    web.answers["InRelease"] = answer


def cut_off_in_the_middle(archive: Archive, web: Script) -> None:
    def answer(handler: Handler) -> None:
        body = (archive.root / INDEX).read_bytes()
        handler.reply(200, body[: len(body) // 2], Content_Length=str(len(body)))
        handler.close_connection = True

    web.answers["Packages.xz"] = answer


def rubbish(archive: Archive, web: Script) -> None:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(300 << 20))
        handler.end_headers()
        for _ in range(300):
            handler.wfile.write(b"r" * (1 << 20))

    web.answers["InRelease"] = answer
    web.answers["Packages.xz"] = answer


def rubbish_index(archive: Archive, web: Script) -> None:
    rubbish(archive, web)
    del web.answers["InRelease"]


def redirects_in_a_circle(archive: Archive, web: Script) -> None:
    web.answers["InRelease"] = lambda handler: handler.reply(302, Location=handler.path)


def redirects_to_a_file(archive: Archive, web: Script) -> None:
    web.answers["InRelease"] = lambda handler: handler.reply(302, Location="file:///etc/passwd")


FAULTS = [
    (signed_by_another_key, SourceUntrusted, r"is signed by key [0-9A-F]{16}, which is not in .*keyring\.asc"),
    (
        signed_by_an_expired_key,
        SourceUntrusted,
        r"the key that signed InRelease of jammy has expired .*expired@takeoff",
    ),
    (not_signed, SourceUntrusted, "InRelease of jammy is not signed: nothing of it is believed"),
    (without_any_signature_file, SourceUntrusted, r"has no signature \(no InRelease, no Release.gpg\)"),
    (valid_until_yesterday, SourceUntrusted, "was valid until 2020-11-23 10:00 UTC"),
    (signed_text_changed, SourceUntrusted, "InRelease of jammy was changed after it was signed by .*trusted@takeoff"),
    (detached_text_changed, SourceUntrusted, "Release of jammy was changed after it was signed"),
    (text_before_the_signed_part, SourceUntrusted, "has text before its signed part"),
    (text_after_the_signed_part, SourceUntrusted, "is more, or less, than one signed text"),
    (two_signed_parts, SourceUntrusted, "is more, or less, than one signed text"),
    (release_cut_in_the_middle, SourceUntrusted, "is more, or less, than one signed text"),
    (index_changed_after_signing, SourceUntrusted, "has another SHA256 than the signed InRelease of jammy says"),
    (half_uploaded_index, SourceUntrusted, r"has \d+ bytes where the signed .* says \d+: its upload is not finished"),
    (index_of_the_version_after, SourceUntrusted, "its upload is not finished, or it was changed after signing"),
    (index_not_there, SourceUnavailable, "is listed in InRelease of jammy but is not there"),
    (html_instead_of_the_index, SourceUntrusted, "Packages.xz is a web page, not an index"),
    (html_instead_of_the_release, SourceUntrusted, "InRelease of jammy is a web page, not a signed file"),
    (no_xz_though_signed, SourceUntrusted, "is what was signed, but it cannot be unpacked"),
    (no_such_suite, SourceUnavailable, r"dists/jammy/Release is not there \(404 File not found\)"),
    (status(500), SourceUnavailable, "InRelease answers 500 Internal Server Error instead of the document"),
    (status(401), SourceUnavailable, "does not let us in .*check login and password of the source's connection"),
    (status(429, Retry_After="120"), SourceUnavailable, "asks to be left alone for 120 s .429 Too Many Requests"),
    (silent, SourceUnavailable, "InRelease fell silent for 0.5 s after 10 bytes"),
    (dripping, SourceUnavailable, r"InRelease is too slow: \d+ bytes in 1.5 s"),
    (cut_off_in_the_middle, SourceUnavailable, r"Packages.xz broke off before the end of its \d+ bytes"),
    (rubbish, SourceUntrusted, "sends more than the 16777216 bytes that can be"),
    (rubbish_index, SourceUntrusted, r"Packages.xz sends more than the \d+ bytes that can be"),
    (redirects_in_a_circle, SourceUnavailable, "leads from one address to the next, over 5 times"),
    (redirects_to_a_file, SourceUntrusted, "leads to file:///etc/passwd, which is no web address"),
]


def name_of(value: object) -> str | None:
    return getattr(value, "__name__", None) if callable(value) and not isinstance(value, type) else None


@pytest.mark.parametrize(("fault", "error", "sentence"), FAULTS, ids=name_of)
def test_each_fault_has_its_own_sentence_and_nothing_is_believed(
    archive: Archive,
    web: Script,
    repository: Repository,
    fault: Callable[[Archive, Script], None],
    error: type[Exception],
    sentence: str,
) -> None:
    archive.publish("17.4.1-ee.0")
    fault(archive, web)
    with pytest.raises(error, match=sentence) as caught:
        repository().read()
    told = str(caught.value)
    assert told.startswith("apt http://127.0.0.1:")
    assert "\n" not in told
    assert "Traceback" not in told
    assert sum(request.sent for request in web.requests) < 30 << 20


def test_a_server_that_is_not_there_is_told_in_the_systems_words(archive: Archive, repository: Repository) -> None:
    with pytest.raises(SourceUnavailable, match=r"no answer from http://127.0.0.1:1/.*: connection refused"):
        repository(settings={"url": "http://127.0.0.1:1"}).read()


def test_a_stanza_whose_version_is_none_is_passed_over_and_the_others_are_read(
    archive: Archive, repository: Repository
) -> None:
    archive.add("17.4.1-ee.0")
    archive.index(
        more=b"\nPackage: gitlab-ee\nVersion: $(reboot)\nArchitecture: amd64\nSize: 1\nSHA256: " + b"0" * 64 + b"\n"
    )
    archive.sign(archive.release())
    holdings = repository().read()
    assert [one.version.text for one in holdings.candidates] == ["17.4.1-ee.0"]
    (bad,) = holdings.unreadable
    assert bad.version == "$(reboot)"
    assert "'$(reboot)' is no package version" in bad.reason


def test_a_valid_until_that_is_to_come_passes_until_then(archive: Archive, repository: Repository) -> None:
    archive.publish("17.4.1-ee.0")
    archive.sign(archive.release(more="Valid-Until: Sat, 01 Jan 2050 10:00:00 UTC\n"))
    assert repository(now=lambda: datetime(2050, 1, 1, 9, 59, tzinfo=UTC)).read().candidates
    with pytest.raises(SourceUntrusted, match="was valid until 2050-01-01 10:00 UTC"):
        repository(now=lambda: datetime(2050, 1, 1, 10, 1, tzinfo=UTC)).read()
