"""`frigjort events send`: what is checked before a broker is asked, and what reaches the topic."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from typer.testing import CliRunner, Result

from contracts import topics
from contracts.examples import AUTHORITY, CANARY, valid
from services.baselines.kafka import RegistryKafka
from services.cli.main import app
from services.embedded.broker import Broker
from services.runtime.errors import Misconfigured, Retry

RUN = CliRunner()
GOOD = next(e for e in valid() if e.name == "completed").record.value or b""
KEY = json.loads(GOOD)["subject"].encode()
PUBLISHED = next(e for e in valid() if e.name == "registry-baseline-published").record.value or b""
TOPIC = topics.tasks_topic(AUTHORITY)


def bad(value: bytes = GOOD) -> bytes:
    return value.replace(b"1200000", b"-5")


def write(folder: Path, *lines: bytes) -> str:
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return str(file)


def send(*arguments: str) -> Result:
    return RUN.invoke(app, ["events", "send", *arguments])


@dataclass
class Kafka:
    servers: str

    def records(self, topic: str) -> list[tuple[Any, ...]]:
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "unused", "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, 0, 0)])
        found: list[tuple[Any, ...]] = []
        try:
            while (message := consumer.poll(10)) is not None and message.error() is None:
                found.append((message.key(), message.value(), message.headers()))
            return found
        finally:
            consumer.close()


@pytest.fixture
def kafka(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kafka]:
    """A broker with the authority's topic, where the commands find it."""
    with Broker(tmp_path / "broker.log") as broker:
        RegistryKafka(broker.settings).ensure_topics({TOPIC: {}})
        monkeypatch.setenv("FRIGJORT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        monkeypatch.setenv("FRIGJORT_KAFKA_IDEMPOTENT_PRODUCER", "false")
        monkeypatch.setenv("FRIGJORT_CLICKHOUSE_PASSWORD", "unused by this command")
        yield Kafka(broker.bootstrap_servers)


def test_valid_events_arrive_byte_for_byte_under_the_task_id(kafka: Kafka, tmp_path: Path) -> None:
    result = send(write(tmp_path, GOOD, GOOD), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["topics"] == {TOPIC: 2}
    assert json.loads(result.stdout)["sent"] == 2
    headers = [("content-type", b"application/cloudevents+json")]
    assert kafka.records(TOPIC) == [(KEY, GOOD, headers)] * 2


def test_one_invalid_event_and_nothing_is_sent(kafka: Kafka, tmp_path: Path) -> None:
    result = send(write(tmp_path, GOOD, bad()))
    assert result.exit_code == 1
    assert "events.jsonl:2: out_of_range at data.active_ms" in result.output
    assert "nothing is sent" in result.output
    assert kafka.records(TOPIC) == []


def test_skipping_sends_the_others_and_reports_what_was_skipped(kafka: Kafka, tmp_path: Path) -> None:
    result = send(write(tmp_path, bad(), GOOD), "--skip-invalid", "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    assert (answer["sent"], [finding["code"] for finding in answer["invalid"]]) == (1, ["out_of_range"])
    assert [key for key, _, _ in kafka.records(TOPIC)] == [KEY]


def test_an_authority_without_a_topic_is_named_before_anything_is_sent(kafka: Kafka, tmp_path: Path) -> None:
    other = GOOD.replace(AUTHORITY.encode(), b"10000025")
    result = send(write(tmp_path, GOOD, other))
    assert isinstance(result.exception, Misconfigured)
    assert "frigjort.tasks.v1.10000025" in str(result.exception)
    assert kafka.records(TOPIC) == []


def test_a_dry_run_asks_nobody(tmp_path: Path) -> None:
    result = send(write(tmp_path, GOOD, GOOD), "--dry-run", "--data", str(tmp_path / "no stack"))
    assert result.exit_code == 0, result.output
    assert f"{TOPIC}: 2 would be sent" in result.output
    assert "acknowledged" not in result.output


def test_an_array_and_a_single_event_are_files_too(tmp_path: Path) -> None:
    array, single = tmp_path / "array.json", tmp_path / "single.json"
    array.write_text(json.dumps([json.loads(GOOD)] * 3, indent=2))
    single.write_text(json.dumps(json.loads(GOOD), indent=2))
    result = send(str(array), str(single), "--dry-run", "--json")
    assert json.loads(result.stdout)["would_send"] == 4


def test_nothing_valid_is_a_no(tmp_path: Path) -> None:
    result = send(write(tmp_path, bad()), "--skip-invalid", "--dry-run")
    assert result.exit_code == 1


def test_the_registry_is_not_written_to_from_here(tmp_path: Path) -> None:
    result = send(write(tmp_path, PUBLISHED), "--dry-run", "--json")
    assert result.exit_code == 1
    assert [finding["code"] for finding in json.loads(result.stdout)["invalid"]] == ["wrong_topic"]


def test_an_event_for_another_authority_is_refused(tmp_path: Path) -> None:
    result = send(write(tmp_path, GOOD), "--authority", "10000025", "--dry-run", "--json")
    assert [finding["code"] for finding in json.loads(result.stdout)["invalid"]] == ["authority_mismatch"]


def test_a_personal_number_is_not_shown(tmp_path: Path) -> None:
    result = send(write(tmp_path, GOOD.replace(b'"draft"', f'"{CANARY}"'.encode())), "--dry-run")
    assert "personal_number" in result.output
    assert CANARY not in result.output


def test_a_broker_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRIGJORT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9")
    monkeypatch.setenv("FRIGJORT_CLICKHOUSE_PASSWORD", "unused by this command")
    result = send(write(tmp_path, GOOD))
    assert isinstance(result.exception, Retry)
