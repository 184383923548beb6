"""`frigjort rejected` on a real stack: what yesterday's rules refused is listed, shown, judged again and stored in place."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from typer.testing import CliRunner

from contracts import topics
from services.cli.main import app
from services.cli.stack import WRITER
from services.runtime.errors import Misconfigured
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_kafka
from tests.integration.flood import dead_letters, event, launch, problems, send, until

RUN = CliRunner()
GOOD, HIGH, FAULTS = 40, 30, 5
TOPIC = topics.tasks_topic(AUTHORITY)
_DISPOSITIONS = "SELECT log_no, topic, partition, offset, accepted, digest, leaf, code FROM dispositions ORDER BY ALL"
_STATES = "SELECT * EXCEPT (generation) FROM task_measurements ORDER BY authority, task"
_KILLED_BEFORE_RECORDS = """
import os, signal, sys
from services.collector.clickhouse import ClickHouseStore
async def die(self, rows): os.kill(os.getpid(), signal.SIGKILL)
ClickHouseStore.write_records = die
from services.cli.main import main
main()
"""


def frigjort(running: Running, *arguments: str, code: str = "", **environment: str) -> tuple[int, Any]:
    """Exit code and JSON answer of a command in a process of its own; without one, its standard error."""
    command = [sys.executable, *(["-c", code] if code else ["-m", "services.cli"]), "rejected", *arguments]
    done = subprocess.run(
        [*command, "--json", "--data", str(running.stack.data)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment or None,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def asked(running: Running, *arguments: str) -> tuple[int, Any]:
    """`list` and `show`, which change nothing: in this process. What was said, where there is no JSON."""
    result = RUN.invoke(app, ["rejected", *arguments, "--json", "--data", str(running.stack.data)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout) if result.stdout else result.stderr


@pytest.fixture
def refused(start_stack: Callable[..., Running]) -> Running:
    """Yesterday's collector has refused all of complexity `high`, and a supplier's own faults."""
    running = start_stack()
    _, url = launch(running, 1, "tests.integration.yesterday")
    until(lambda: problems(url) == [])
    for authority in (AUTHORITY, OTHER):
        send(running, [event(authority, f"t-{number}") for number in range(GOOD)])
        send(running, [event(authority, f"h-{number}", complexity="high") for number in range(HIGH)])
    send(running, [event(AUTHORITY, f"x-{number}", unknown=1) for number in range(FAULTS)])
    assert running.stack.drain(60)
    return running


def still_rejected(running: Running) -> dict[str, int]:
    return dict(running.rows("SELECT code, count() FROM rejections GROUP BY code"))


@on_kafka
@pytest.mark.timeout(400)
def test_listed_shown_and_judged_again_in_place(refused: Running) -> None:
    running = refused
    assert still_rejected(running) == {"invalid_value": 2 * HIGH, "unknown_field": FAULTS}
    _listed(running)
    _shown(running)
    letters = dead_letters(running)
    before = running.rows(_DISPOSITIONS)

    code, answer = frigjort(running, "redrive", "--dry-run")
    assert code == 1
    assert (answer["selected"], answer["accepted"], answer["rejected"]) == (65, 60, {"unknown_field": FAULTS})
    assert running.rows(_DISPOSITIONS) == before

    code, answer = frigjort(running, "redrive", "--code", "invalid_value", "--cvr", AUTHORITY, "--limit", "7", "--yes")
    assert (code, answer["accepted"]) == (0, 7)
    assert still_rejected(running)["invalid_value"] == 2 * HIGH - 7
    code, answer = frigjort(running, "redrive", f"1/{TOPIC}/0/{GOOD + HIGH - 1}", "--yes")
    assert (code, answer["accepted"]) == (0, 1)
    assert frigjort(running, "redrive", "--yes")[1]["rejected"] == {"unknown_field": FAULTS}
    assert still_rejected(running) == {"unknown_field": FAULTS}

    after, states = running.rows(_DISPOSITIONS), running.rows(_STATES)
    assert [row[:4] for row in after] == [row[:4] for row in before], "each record where it was, and none besides"
    assert len(states) == 2 * (GOOD + HIGH)
    code, answer = frigjort(running, "redrive", "--code", "invalid_value", "--yes")
    assert (code, answer["selected"]) == (0, 0), "twice changes nothing"
    assert dead_letters(running) == letters, "nothing is sent to any topic"

    # Today's collector reads the whole log anew: what was redriven is what it would have written.
    _, url = launch(running, 2, FRIGJORT_COLLECTOR_GROUP_ID="replay")
    until(lambda: problems(url) == [])
    assert running.stack.drain(60)
    assert running.rows(_DISPOSITIONS) == after
    assert running.rows(_STATES) == states
    assert running.rows("SELECT * FROM incidents") == []


def _listed(running: Running) -> None:
    code, answer = asked(running, "list")
    assert code == 0
    assert (answer["records"], answer["groups"]) == (2 * HIGH + FAULTS, 3)
    by_cause = {(row["code"], row["path"], row["topic"]): row["records"] for row in answer["rows"]}
    assert by_cause == {
        ("invalid_value", "data.complexity", TOPIC): HIGH,
        ("invalid_value", "data.complexity", topics.tasks_topic(OTHER)): HIGH,
        ("unknown_field", "data.*", TOPIC): FAULTS,
    }
    assert [row["records"] for row in answer["rows"]] == [HIGH, HIGH, FAULTS]
    page = asked(running, "list", "--page", "2", "--page-size", "2")[1]["rows"]
    assert page == answer["rows"][2:]
    assert page[0]["newest"] == f"1/{TOPIC}/0/{GOOD + HIGH + FAULTS - 1}"
    assert asked(running, "list", "--topic", TOPIC, "--code", "unknown_field")[1]["records"] == FAULTS
    now = datetime.now(UTC)
    hour = f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}"
    assert asked(running, "list", "--until", hour)[1]["records"] == 0
    assert asked(running, "list", "--since", hour, "--cvr", OTHER)[1]["records"] == HIGH
    with pytest.raises(Misconfigured, match="give one of them"):
        asked(running, "list", "--topic", TOPIC, "--cvr", OTHER)


def _shown(running: Running) -> None:
    place = f"1/{TOPIC}/0/{GOOD + HIGH}"
    code, answer = asked(running, "show", place)
    assert code == 0
    assert (answer["code"], answer["path"], answer["redrive"]) == ("unknown_field", "data.*", "possible")
    assert answer["remedy"].startswith("remove the field")
    assert answer["dead_letter"]["subject"] == place
    assert answer["dead_letter"]["data"]["code"] == "unknown_field"
    assert "casesystem" not in json.dumps(answer), "nothing of the payload"
    assert asked(running, "show", f"1/{TOPIC}/0/0") == (1, f"1/{TOPIC}/0/0: the record is accepted\n")
    assert "nothing is stored there" in asked(running, "show", f"1/{TOPIC}/0/99999")[1]


@on_kafka
@pytest.mark.timeout(400)
def test_killed_between_the_two_writes_and_refused_where_it_would_break_a_promise(refused: Running) -> None:
    running = refused
    code, _ = frigjort(running, "redrive", "--code", "invalid_value", "--yes", code=_KILLED_BEFORE_RECORDS)
    assert code == -signal.SIGKILL
    assert still_rejected(running)["invalid_value"] == 2 * HIGH, "half done: selected again"
    assert running.value("SELECT count() FROM task_measurements") == 2 * GOOD + HIGH, "of the first partition"

    assert frigjort(running, "redrive")[0] == 2, "nobody can be asked"
    code, said = frigjort(running, "redrive", "--yes", **_environment(running, "x" * 40))
    assert code == 2
    assert "not the secret" in said

    names = ["log_no", "topic", "partition", "last_offset", "chain", "records", "closed_at"]
    seal = [1, topics.tasks_topic(OTHER), 0, GOOD + 9, b"c" * 32, GOOD + 10, datetime.now(UTC)]
    running.client().insert("seals", [seal], column_names=names)
    code, answer = frigjort(running, "redrive", "--code", "invalid_value", "--yes")
    assert (code, answer["accepted"], len(answer["frozen"])) == (1, 2 * HIGH - 10, 10)
    assert still_rejected(running)["invalid_value"] == 10
    assert running.value("SELECT count() FROM task_measurements") == 2 * (GOOD + HIGH) - 10
    assert asked(running, "show", answer["frozen"][0])[1]["redrive"] == "below a seal: frozen"

    running.client().insert("logs", [[TOPIC, 2, "another"]], column_names=["topic", "log_no", "topic_id"])
    code, answer = frigjort(running, "redrive", "--topic", TOPIC, "--yes")
    assert isinstance(answer, dict), answer
    assert len(answer["another_log"]) == FAULTS
    assert "earlier incarnation" in asked(running, "show", answer["another_log"][0])[1]["redrive"]


@on_kafka
@pytest.mark.timeout(400)
def test_what_retention_took_is_named_and_the_rest_is_judged_again(refused: Running) -> None:
    running, taken = refused, 4
    gone = [f"1/{TOPIC}/0/{offset}" for offset in range(GOOD, GOOD + taken)]
    admin = AdminClient({"bootstrap.servers": running.ready["kafka"], "log_level": 0})
    (deleted,) = admin.delete_records([TopicPartition(TOPIC, 0, GOOD + taken)]).values()
    assert deleted.result(30).low_watermark == GOOD + taken

    code, answer = frigjort(running, "redrive", gone[0], "--yes")
    assert (code, answer["accepted"], answer["gone"]) == (1, 0, gone[:1])
    assert asked(running, "show", gone[0])[1]["redrive"] == "gone from the log by retention"
    code, answer = frigjort(running, "redrive", "--code", "invalid_value", "--cvr", AUTHORITY, "--yes")
    assert (code, answer["selected"], answer["accepted"], answer["gone"]) == (1, HIGH, HIGH - taken, gone)
    assert still_rejected(running) == {"invalid_value": HIGH + taken, "unknown_field": FAULTS}, (
        "nothing is written for them"
    )
    assert asked(running, "show", f"1/{TOPIC}/0/{GOOD + HIGH}")[1]["redrive"] == "possible"


def _environment(running: Running, secret: str) -> dict[str, str]:
    return {
        "FRIGJORT_KAFKA_BOOTSTRAP_SERVERS": running.ready["kafka"],
        "FRIGJORT_CLICKHOUSE_URL": running.ready["clickhouse"],
        "FRIGJORT_CLICKHOUSE_USER": WRITER,
        "FRIGJORT_CLICKHOUSE_PASSWORD": running.ready["writer"]["password"],
        "FRIGJORT_COLLECTOR_SECRET": secret,
    }
