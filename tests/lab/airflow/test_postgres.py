"""PostgreSQL from the wheel, really started."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from lab.airflow import processes
from lab.airflow.postgres import Postgres
from lab.state import LabError


@pytest.fixture
def postgres(reachable_folder: Path) -> Iterator[Postgres]:
    server = Postgres(reachable_folder / "postgres")
    yield server
    server.stop()


def ask(server: Postgres, *statements: str) -> str:
    engine = create_engine(server.uri)
    try:
        with engine.begin() as connection:
            for statement in statements[:-1]:
                connection.execute(text(statement))
            return str(connection.execute(text(statements[-1])).scalar())
    finally:
        engine.dispose()


def test_data_outlives_a_stop(postgres: Postgres) -> None:
    postgres.start()
    ask(postgres, "create table kept (word text)", "insert into kept values ('here')", "select 1")
    postgres.stop()
    postgres.start()
    assert ask(postgres, "select word from kept") == "here"


def test_it_listens_on_no_port(postgres: Postgres) -> None:
    postgres.start()
    assert ask(postgres, "show listen_addresses") == ""


def test_a_start_finds_the_running_server(postgres: Postgres) -> None:
    postgres.start()
    again = Postgres(postgres.folder)
    again.start()
    assert ask(again, "select count(*) from pg_stat_activity where backend_type = 'client backend'") == "1"


def test_a_folder_whose_path_is_too_long_for_a_socket_is_no_hindrance(reachable_folder: Path) -> None:
    server = Postgres(reachable_folder / ("long" * 25))
    server.start()
    socket_folder = server._socket_folder()
    try:
        assert ask(server, "select 'fine'") == "fine"
    finally:
        server.stop()
    assert not socket_folder.exists()


def test_an_initialisation_that_was_cut_off_is_done_anew(postgres: Postgres) -> None:
    unfinished = postgres.folder / "data.new"
    unfinished.mkdir(parents=True)
    (unfinished / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert ask(postgres, "select 1") == "1"


def test_a_server_that_cannot_start_says_why_and_is_gone(postgres: Postgres) -> None:
    postgres.start()
    postgres.stop()
    (postgres.folder / "data" / "PG_VERSION").write_text("9\n")
    with pytest.raises(LabError, match="not compatible with this version"):
        postgres.start()
    assert processes.RecordedProcess.read(postgres.folder / "postgres.process") is None
