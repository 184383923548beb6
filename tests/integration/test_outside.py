"""From outside: any CloudEvents producer, any ClickHouse HTTP client; records accounted for, states right."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from confluent_kafka import Producer

from contracts import topics
from contracts.events import COMPLETED, CORRECTED, RETRACTED, schema_name
from tests.integration.conftest import AUTHORITY, Running


def state(task: str, revision: int, **changes: Any) -> dict[str, Any]:
    return {
        "authority": AUTHORITY,
        "task": task,
        "revision": revision,
        "task_type": "kle:27.35.04",
        "complexity": "low",
        "started_at": "2026-03-02T09:00:00+01:00",
        "completed_at": "2026-03-02T08:10:00Z",
        "active_ms": 600_000,
        "review_ms": 60_000,
        "rework_ms": 0,
        "time_basis": "measured",
        "assistance": "draft",
        "assignment": "chosen",
        "origin": "pre_existing",
        "outcome": "completed",
        "work": "core",
        "audience": "citizen",
        **changes,
    }


def cloud_event(kind: str, data: dict[str, Any], event_id: str) -> CloudEvent:
    task = str(data["task"])
    attributes = {
        "id": event_id,
        "source": "/casesystem/eksempel",
        "type": kind,
        "subject": task,
        "partitionkey": task,
        "time": datetime(2026, 3, 2, 8, 10, tzinfo=UTC),
        "dataschema": schema_name(kind),
        "datacontenttype": "application/json",
        "specversion": "1.0",
    }
    return CloudEvent(attributes, data)


def test_events_of_the_official_sdk_in_both_modes(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    producer = Producer({"bootstrap.servers": running.ready["kafka"]})
    events = [
        cloud_event(COMPLETED, state("t-1", 1), "t-1-1"),
        cloud_event(CORRECTED, state("t-1", 2, active_ms=300_000), "t-1-2"),
        cloud_event(RETRACTED, {"authority": AUTHORITY, "task": "t-2", "revision": 2, "reason": "twice"}, "t-2-2"),
        cloud_event(COMPLETED, state("t-2", 1), "t-2-1"),
        cloud_event(COMPLETED, state("t-3", 1, outcome="abandoned"), "t-3-1"),
        cloud_event(COMPLETED, state("t-4", 1, task_type="local:ukendt"), "t-4-1"),
        cloud_event(COMPLETED, state("t-5", 1, review_ms=None), "t-5-1"),
    ]
    for event in [*events, events[0]]:
        for to_message in (to_structured_event, to_binary_event):
            message = to_message(event)
            headers: dict[str, str | bytes | None] = dict(message.headers)
            key = message.key.encode() if isinstance(message.key, str) else message.key
            producer.produce(topics.tasks_topic(AUTHORITY), value=message.value, key=key, headers=headers)
    assert producer.flush(20) == 0
    assert running.stack.drain()
    rejected = running.rows("SELECT code, path FROM rejections")
    assert rejected == []
    # The baseline of this kind is 18 minutes; every event came twice or more, corrected and retracted in any order.
    assert running.rows(
        "SELECT task, revision, status, effort_ms, credit_ms, saved_ms FROM task_measurements ORDER BY task"
    ) == [
        ("t-1", 2, "measured", 360_000, 1_080_000, 720_000),
        ("t-3", 1, "measured", 660_000, None, -660_000),
        ("t-4", 1, "unmeasured", 660_000, None, None),
        ("t-5", 1, "incomplete", 600_000, 1_080_000, None),
    ]
    assert running.value("SELECT count() FROM events") == 16
    assert running.value("SELECT count() FROM duplicates") == 9
    assert running.rows("SELECT authority, tasks, freed_ms FROM hours_freed_by_authority") == [(AUTHORITY, 4, 60_000)]
    curl = ["curl", "-sS", "-u", f"{running.ready['auditor']['user']}:{running.ready['auditor']['password']}"]
    answer = subprocess.run(
        [
            *curl,
            running.ready["clickhouse"],
            "--data-binary",
            "SELECT sum(saved_ms) AS saved FROM task_measurements FORMAT JSONEachRow",
        ],
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert int(json.loads(answer.stdout)["saved"]) == 60_000


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO measurements (task) VALUES ('x')", "164"),
        ("DROP TABLE records", "164"),
        ("ALTER TABLE records DELETE WHERE 1", "164"),
        ("CREATE TABLE x (a Int8) ENGINE = Memory", "164"),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "497"),
        ("SELECT file('/etc/passwd')", "497"),
        ("SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')", "497"),
        ("SELECT * FROM remote('127.0.0.1:9', 'system.one')", "497"),
        ("WITH x AS (SELECT * FROM s3('http://127.0.0.1:9/x')) SELECT * FROM x", "497"),
        ("SELECT 1 IN (SELECT toUInt8(1) FROM executable('x', 'TSV', 'a String'))", "497"),
        ("SELECT 1 INTO OUTFILE '/tmp/frigjort-outfile'", "497"),
        ("SELECT 1; DROP TABLE records", "62"),
        ("SELECT 1 /* ; */; -- x\nDROP TABLE records", "62"),
        ("SET readonly = 0", "48"),
        ("SELECT * FROM system.processes", "497"),
        ("SELECT * FROM merge('system', '.*')", "497"),
        ("EXPLAIN SELECT * FROM file('/etc/passwd')", "497"),
        ("SYSTEM SHUTDOWN", "164"),
        ("SELECT sleep(3)", "497"),
        ("SELECT payload, salt FROM records", "497"),
        ("SELECT count() FROM frigjort.measurements", "497"),
        ("SELECT salt FROM dispositions", "47"),
        ("SELECT salt FROM events", "47"),
    ],
)
def test_the_auditor_cannot(auditor_url: tuple[str, str], statement: str, code: str) -> None:
    url, credentials = auditor_url
    answer = subprocess.run(
        ["curl", "-sS", "-i", "-u", credentials, url, "--data-binary", statement],
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert f"x-clickhouse-exception-code: {code}" in answer.stdout.decode().lower()


def test_the_auditor_can_read_and_nobody_else(auditor_url: tuple[str, str]) -> None:
    url, credentials = auditor_url
    for path in ("", "/?query=SELECT%20count()%20FROM%20dispositions"):
        body = [] if path else ["--data-binary", "SELECT count() FROM dispositions"]
        answer = subprocess.run(["curl", "-sS", "-u", credentials, url + path, *body], capture_output=True, check=True)
        assert answer.stdout == b"0\n"
    for wrong in ("frigjort_auditor:wrong", "default:", "frigjort_writer:" + credentials.partition(":")[2]):
        answer = subprocess.run(
            ["curl", "-sS", "-u", wrong, url, "--data-binary", "SELECT 1"], capture_output=True, check=True
        )
        assert b"AUTHENTICATION_FAILED" in answer.stdout
    settings = subprocess.run(
        ["curl", "-sS", "-u", credentials, f"{url}/?readonly=0&allow_ddl=1", "--data-binary", "SELECT 1"],
        capture_output=True,
        check=True,
    )
    assert b"ACCESS_DENIED" in settings.stdout
