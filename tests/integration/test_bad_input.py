"""Bad events among good ones: every good one measured, every bad one in `rejections` once with its code, and the canary
number of the examples nowhere at rest but in the supplier's own topic."""

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from contracts import topics
from contracts.examples import CANARY, invalid
from services.cli.demo import case_systems
from services.cli.demo.case_systems import Message
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running

EACH = int(os.environ.get("FRIGJORT_TEST_INVALID_EACH", "20"))
VALID = int(os.environ.get("FRIGJORT_TEST_VALID", "5000"))
FORMS = {CANARY, CANARY.replace("-", ""), CANARY.replace("-", " "), "610190-1234", "6101901234"}


def _messages() -> tuple[list[Message], Counter[tuple[str, str]]]:
    good: list[Message] = []
    for _, key, value, headers in case_systems.messages(VALID * 2, 17, case_systems.Sent()):
        if (
            key is None
            or value is None
            or b'"task.completed' in value
            or b"completed.v1" not in value
            or len(good) >= VALID
        ):
            continue
        if not key.startswith(b"t-0") or any(key == known[1] for known in good[-3:]):
            continue
        cvr = value.split(b'"authority":"')[1][:8]
        good.append((topics.tasks_topic(AUTHORITY), key, value.replace(cvr, AUTHORITY.encode()), headers))
    examples = [e for e in invalid() if e.record.topic.startswith(topics.TASKS_PREFIX)]
    bad: list[Message] = []
    expected: Counter[tuple[str, str]] = Counter()
    for example in examples:
        record = example.of(AUTHORITY).record
        bad += [(record.topic, record.key, record.value, record.headers)] * EACH
        expected[str(example.code), example.path] += EACH
    mixed = [*good, *bad]
    random.Random(3).shuffle(mixed)
    return mixed, expected


@pytest.mark.timeout(600)
def test_bad_events_among_good_ones(start_stack: Callable[..., Running], tmp_path: Path) -> None:
    running = start_stack()
    messages, expected = _messages()
    with Sender(running.stack.kafka_settings()) as sender:
        for message in messages:
            sender.send(*message)
    assert running.stack.drain(400)
    found = {
        (code, path): count
        for code, path, count in running.rows("SELECT code, path, count() FROM rejections GROUP BY ALL")
    }
    assert found == dict(expected)
    assert running.value("SELECT count() FROM task_measurements") == VALID
    letters = _dead_letters(running, sum(expected.values()))
    at_rest = [
        *letters,
        *(
            running.client().raw_query(f"SELECT * FROM {name} FORMAT JSONEachRow").decode("utf-8", "replace")
            for name in _tables(running)
        ),
        *(file.read_text(errors="replace") for file in (tmp_path / "data" / "logs").iterdir()),
        *(urlopen(url, timeout=10).read().decode() for url in running.ready["metrics"]),
    ]
    for form in FORMS:
        assert not any(form in text for text in at_rest)


def _tables(running: Running) -> list[str]:
    rows = running.rows(
        "SELECT database || '.' || name FROM system.tables WHERE database IN ('frigjort', 'frigjort_log') AND engine LIKE '%MergeTree'"
    )
    names = [str(name) for (name,) in rows]
    assert "frigjort.records" in names
    assert "frigjort_log.query_log" in names
    return names


def _dead_letters(running: Running, count: int) -> list[str]:
    consumer = Consumer(
        {
            "bootstrap.servers": running.ready["kafka"],
            "group.id": "test",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topics.REJECTED, 0, OFFSET_BEGINNING)])
    found: list[str] = []
    try:
        while len(found) < count:
            message = consumer.poll(15)
            assert message is not None, f"{len(found)} of {count} dead letters"
            found.append((message.value() or b"").decode() + str(message.key()) + str(message.headers()))
        assert consumer.poll(1) is None
    finally:
        consumer.close()
    return found
