"""Lawful erasure on the real engine: the payload is gone everywhere and for good, and history is verified all the same."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts import topics
from services.audit.erasures.clickhouse import ErasureStore
from services.audit.erasures.erasing import Request, Standing, erase_again, standings
from services.audit.seals.findings import Kind
from services.cli.main import app
from services.domain.coordinate import Coordinate
from services.runtime.errors import Misconfigured
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database
from tests.integration.sealed import AUTHORITIES, FIRST_MS, LATE_MS, log_of, publish, seal, store, verified
from tests.reference.shapes import LogRecord

RUN = CliRunner()
REQUEST = Request("request-of-the-citizen", "dpo-office", datetime(2026, 6, 1, tzinfo=UTC))
TOPIC = topics.tasks_topic(AUTHORITIES[0])
PAYLOADS = "SELECT countIf(payload != ''), countIf(salt != '') FROM {} WHERE subject = {{task:String}} AND topic = {{topic:String}}"
VIEWS = ("records", "record_rows", "provenance")


def busiest_task(database: Database) -> str:
    """The one that most records of the first authority are about."""
    sql = "SELECT subject FROM events WHERE topic = {topic:String} AND subject != '' GROUP BY subject ORDER BY count() DESC, subject LIMIT 1"
    ((task,),) = database.rows(sql, topic=TOPIC)
    return str(task)


def kept(database: Database, task: str) -> list[tuple[int, int]]:
    return [database.rows(PAYLOADS.format(view), task=task, topic=TOPIC)[0] for view in VIEWS]


def test_a_task_is_erased_everywhere_and_verified_and_no_replay_brings_it_back(
    new_database: Callable[[], Database],
) -> None:
    database, log = new_database(), log_of(300, 8)
    publish(database)
    store(database, log)
    store(database, log[:150])  # rows that are not merged yet
    seal(database)
    before = database.rows("SELECT * EXCEPT (payload, salt) FROM provenance ORDER BY log_no, topic, partition, offset")
    measured = database.rows("SELECT * FROM task_measurements ORDER BY authority, task")
    erasures, task = ErasureStore(database.client), busiest_task(database)
    wanted = erasures.of_task(TOPIC, task)
    assert len(wanted) > 1
    assert set(standings(erasures, wanted).values()) == {Standing.ERASABLE}
    erasures.announce(wanted, REQUEST)
    assert {(f.kind, f.offset) for f in verified(database).findings} == {(Kind.NOT_ERASED, at.offset) for at in wanted}
    assert erase_again(erasures, wanted) == []

    assert kept(database, task) == [(0, 0)] * len(VIEWS)
    assert database.rows("SELECT count() FROM events WHERE payload = ''") == [(len(wanted),)]
    assert before == database.rows(
        "SELECT * EXCEPT (payload, salt) FROM provenance ORDER BY log_no, topic, partition, offset"
    )
    assert measured == database.rows("SELECT * FROM task_measurements ORDER BY authority, task")
    result = verified(database)
    assert (result.findings, result.erased) == ([], len(wanted))
    assert set(standings(erasures, wanted).values()) == {Standing.ERASED}
    _no_replay_brings_it_back(database, log, task)
    _who_did_not_ask_is_named(database, log, task, wanted)


def _no_replay_brings_it_back(database: Database, log: list[LogRecord], task: str) -> None:
    database.client.command("OPTIMIZE TABLE records FINAL")
    store(database, log, settle=True)
    assert kept(database, task) == [(0, 0)] * len(VIEWS)
    assert verified(database).findings == []


def _who_did_not_ask_is_named(database: Database, log: list[LogRecord], task: str, wanted: list[Coordinate]) -> None:
    """And what he has brought back is removed."""
    store(database, log)
    assert kept(database, task)[0] != (0, 0)
    named = {(f.kind, f.offset) for f in verified(database).findings}
    assert named == {(Kind.NOT_ERASED, at.offset) for at in wanted}
    assert erase_again(ErasureStore(database.client)) == []
    assert kept(database, task) == [(0, 0)] * len(VIEWS)


def test_what_cannot_be_erased_and_why(new_database: Callable[[], Database]) -> None:
    database = new_database()
    store(database, log_of(300, 9))
    seal(database, FIRST_MS + 3 * 3_600_000)
    erasures = ErasureStore(database.client)
    rows = database.rows(
        "SELECT offset, accepted FROM dispositions WHERE topic = {topic:String} ORDER BY offset", topic=TOPIC
    )
    ((sealed_to,),) = database.rows(
        "SELECT max(last_offset) FROM checkpoints WHERE topic = {topic:String}", topic=TOPIC
    )
    assert 0 < sealed_to < rows[-1][0]
    expected = {
        Coordinate(1, TOPIC, 0, offset): (Standing.ERASABLE if offset <= sealed_to else Standing.NOT_SEALED)
        if accepted
        else Standing.REJECTED
        for offset, accepted in rows
    }
    expected |= {Coordinate(1, TOPIC, 7, 0): Standing.NOT_STORED, Coordinate(2, TOPIC, 0, 0): Standing.NOT_STORED}
    assert standings(erasures, list(expected)) == expected
    assert set(expected.values()) == {*Standing} - {Standing.ERASED}
    assert erasures.of_task(TOPIC, "nobody's") == []


@pytest.fixture
def command(
    new_database: Callable[[], Database], database_settings: ClickHouseSettings, monkeypatch: pytest.MonkeyPatch
) -> tuple[Database, Callable[..., tuple[int, Any]]]:
    """A sealed database, and the command on it."""
    database = new_database()
    store(database, log_of(200, 10))
    seal(database)
    ((name,),) = database.rows("SELECT currentDatabase()")
    for variable, value in {
        "URL": database_settings.url,
        "USER": database_settings.user,
        "PASSWORD": database_settings.password.get_secret_value(),
        "DATABASE": name,
    }.items():
        monkeypatch.setenv(f"FRIGJORT_CLICKHOUSE_{variable}", value)

    def erase(*arguments: str) -> tuple[int, Any]:
        result = RUN.invoke(app, ["audit", "erase", *arguments])
        if isinstance(result.exception, Exception):
            raise result.exception
        return result.exit_code, json.loads(result.stdout) if "--json" in arguments else result.output

    return database, erase


def test_the_command(command: tuple[Database, Callable[..., tuple[int, Any]]]) -> None:
    database, erase = command
    task = busiest_task(database)
    wanted = ErasureStore(database.client).of_task(TOPIC, task)
    words = ("--reason", "court-order", "--by", "legal-office", "--json")
    of_task = ("--cvr", AUTHORITIES[0], "--task", task)
    code, answer = erase(*of_task, *words, "--dry-run")
    assert (code, answer["erased"], len(answer["records"])) == (0, False, len(wanted))
    assert kept(database, task)[0] == (len(wanted), len(wanted))
    ((refused,),) = database.rows("SELECT min(offset) FROM rejections WHERE topic = {topic:String}", topic=TOPIC)
    code, answer = erase(str(wanted[0]), f"1/{TOPIC}/0/{refused}", *words, "--yes")
    assert (code, answer["erased"], [each["standing"] for each in answer["records"]]) == (
        1,
        False,
        ["erasable", "rejected"],
    )
    assert database.rows("SELECT count() FROM erasures") == [(0,)]
    assert erase(*of_task, *words, "--yes")[0] == 0
    assert kept(database, task)[0] == (0, 0)
    assert database.rows("SELECT DISTINCT reason, requested_by FROM erased_records") == [
        ("court-order", "legal-office")
    ]
    code, answer = erase(str(wanted[0]), *words, "--yes")
    assert (code, answer["records"]) == (0, [{"coordinate": str(wanted[0]), "standing": "erased"}])
    assert erase("--again") == (0, "0 records hold a payload that the ledger says is erased\n")
    assert verified(database, now_ms=LATE_MS).findings == []


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--reason"),
        (["--reason", "x"], "--by"),
        (["--reason", "010190-1234", "--by", "y"], "--reason"),
        (["--reason", "x", "--by", "y"], "name either coordinates"),
        (["--reason", "x", "--by", "y", "--task", "t"], "name either coordinates"),
        (["--reason", "x", "--by", "y", "--task", "t", "--cvr", "12345678"], "not a CVR number"),
        (["--reason", "x", "--by", "y", "1/t/0"], "not a coordinate"),
        (["--reason", "x", "--by", "y", "1/t/0/1", "--json"], "--yes"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    command: tuple[Database, Callable[..., tuple[int, Any]]], arguments: list[str], named: str
) -> None:
    with pytest.raises(Misconfigured, match=named):
        command[1](*arguments)
