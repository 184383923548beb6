"""What ClickHouse holds, beside what the reference model computes from the log in Kafka and the registry: every disposition,
duplicate, conflict, state and total."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from contracts import topics
from tests.reference.model import Fold, Total, fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.rows import row_of
from tests.reference.shapes import Coordinate, Disposition, LogRecord

_DISPOSITIONS = "SELECT log_no, topic, partition, offset, accepted, code FROM dispositions"
_DUPLICATES = "SELECT log_no, topic, partition, offset, first_log_no, first_partition, first_offset FROM duplicates"
_CONFLICTS = "SELECT kind, log_no, topic, partition, offset, first_log_no, first_partition, first_offset FROM conflicts"
_SUMS = "tasks, measured_tasks, treated_tasks, freed_ms, gross_ms"


def records_in_kafka(
    bootstrap_servers: str, logs: Mapping[str, int], quiet_seconds: float = 3.0, most: int = sys.maxsize
) -> Iterator[LogRecord]:
    """Every record of these topics; as `timed_records_in_kafka`."""
    return (record for record, _ in timed_records_in_kafka(bootstrap_servers, logs, quiet_seconds, most))


def timed_records_in_kafka(
    bootstrap_servers: str, logs: Mapping[str, int], quiet_seconds: float = 3.0, most: int = sys.maxsize
) -> Iterator[tuple[LogRecord, int]]:
    """Every record of these topics (topic: its log number) with the broker's time, epoch milliseconds; by a consumer of its
    own, until `most` have come or none for a while: a broker may list the end too low."""
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reference", "enable.auto.commit": False})
    try:
        known = consumer.list_topics(timeout=10).topics
        consumer.assign([TopicPartition(topic, n, OFFSET_BEGINNING) for topic in logs for n in known[topic].partitions])
        while most > 0 and (messages := consumer.consume(min(most, 10_000), quiet_seconds)):
            most -= len(messages)
            for message in messages:
                if message.error() is not None:
                    raise KafkaException(message.error())
                yield _record(message, logs), message.timestamp()[1]
    finally:
        consumer.close()


def _record(message: Any, logs: Mapping[str, int]) -> LogRecord:
    topic, place = message.topic(), (message.partition(), message.offset())
    return LogRecord(logs[topic], topic, *place, message.key(), message.value(), tuple(message.headers() or ()))


def registry_in_clickhouse(client: Client) -> Registry:
    """What the registry has published."""
    rows = client.query(
        "SELECT payload FROM baseline_versions UNION ALL SELECT payload FROM authority_versions"
    ).result_rows
    return Registry(payload for (payload,) in rows)


def logs_in_clickhouse(client: Client) -> dict[str, int]:
    """The newest log number of each topic."""
    rows = client.query("SELECT topic, max(log_no) FROM log_bindings GROUP BY topic").result_rows
    return {str(topic): int(log_no) for topic, log_no in rows}


def differences(client: Client, records: Records, registry: Registry) -> list[str]:
    """Where ClickHouse and the model differ, each with both sides, at most five of a kind; empty: nowhere."""
    return [line for found in compared(client, records, registry).values() for line in found[:5]]


def compared(
    client: Client, records: Records, registry: Registry, among: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """Every difference by kind (disposition, conflict, state, total), of all authorities or of those `among` alone: then
    `records` are theirs alone."""
    found = fold(records, registry)
    return {
        "disposition": _differing(dict(_stored_dispositions(client, among)), dict(records.dispositions())),
        "conflict": _differing(
            dict.fromkeys(_stored_conflicts(client, among)), dict.fromkeys(map(tuple, records.conflicts()))
        ),
        "state": _differing(dict(_stored_states(client, among)), dict(row_of(state) for state in found.states())),
        "total": _differing(dict(_stored_totals(client, among)), dict(_totals(found, among))),
    }


def _differing(stored: Mapping[Any, Any], expected: Mapping[Any, Any]) -> list[str]:
    keys = sorted(key for key in stored.keys() | expected.keys() if _of(stored, key) != _of(expected, key))
    return [f"{key}: stored {_of(stored, key)}, expected {_of(expected, key)}" for key in keys]


def _rows(client: Client, sql: str, column: str, among: Sequence[str] | None) -> Sequence[Sequence[Any]]:
    """The rows of a query, of all authorities or of some: `column` holds the authority or its topic."""
    if among is None:
        return client.query(sql).result_rows
    wanted = [topics.tasks_topic(cvr) for cvr in among] if column == "topic" else list(among)
    return client.query(f"SELECT * FROM ({sql}) WHERE {column} IN {{w:Array(String)}}", {"w": wanted}).result_rows


def _of(side: Mapping[Any, Any], key: Any) -> Any:
    return side.get(key, "nothing")


def _stored_dispositions(client: Client, among: Sequence[str] | None) -> Iterator[tuple[Coordinate, Disposition]]:
    first = {
        Coordinate(log_no, topic, partition, offset): Coordinate(first_log, topic, *place)
        for log_no, topic, partition, offset, first_log, *place in _rows(client, _DUPLICATES, "topic", among)
    }
    for *coordinate, accepted, code in _rows(client, _DISPOSITIONS, "topic", among):
        where = Coordinate(*coordinate)
        if not accepted:
            yield where, Disposition("rejected", code=code)
        elif where in first:
            yield where, Disposition("duplicate", first=first[where])
        else:
            yield where, Disposition("accepted")


def _stored_conflicts(client: Client, among: Sequence[str] | None) -> Iterator[tuple[str, Coordinate, Coordinate]]:
    for kind, log_no, topic, partition, offset, first_log, *place in _rows(client, _CONFLICTS, "topic", among):
        yield kind, Coordinate(log_no, topic, partition, offset), Coordinate(first_log, topic, *place)


def states_in_clickhouse(
    client: Client, source: str, **parameters: Any
) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Rows of a source that has the columns of `task_measurements`; without those that the model does not know."""
    found = client.query(f"SELECT * EXCEPT (rules, generation, broker_time) FROM {source}", parameters, tz_mode="aware")
    for values in found.result_rows:
        row = dict(zip(found.column_names, values, strict=True))
        row.pop("topic", None)
        yield (str(row.pop("authority")), str(row.pop("task"))), row


def _stored_states(client: Client, among: Sequence[str] | None) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    wanted = "" if among is None else "WHERE authority IN {w:Array(String)}"
    return states_in_clickhouse(client, f"task_measurements {wanted}", w=list(among or ()))


def _stored_totals(client: Client, among: Sequence[str] | None) -> Iterator[tuple[tuple[Any, ...], tuple[int, ...]]]:
    asked = {
        "day": f"SELECT authority, toUInt32(day), {_SUMS} FROM hours_freed_daily",
        "authority": f"SELECT authority, {_SUMS} FROM hours_freed_by_authority",
        "task type": f"SELECT task_type, complexity, {_SUMS} FROM hours_freed_by_task_type",
        "coverage": "SELECT authority, task_type, tasks, measured, unmeasured, incomplete, capped FROM coverage",
    }
    for what, sql in asked.items():
        if what == "task type" and among is not None:
            continue  # a view over all authorities
        names = 1 if what == "authority" else 2
        for row in _rows(
            client, sql, "authority", among
        ):  # NULL: nothing was measured, so nothing is known; the model says 0
            yield (what, *map(str, row[:names])), tuple(int(number or 0) for number in row[names:])


def _totals(found: Fold, among: Sequence[str] | None) -> Iterator[tuple[tuple[Any, ...], tuple[int, ...]]]:
    asked = {
        "day": ("authority", "day"),
        "authority": ("authority",),
        "task type": ("task_type", "complexity"),
        "coverage": ("authority", "task_type"),
    }
    for what, names in asked.items():
        if what == "task type" and among is not None:
            continue
        for key, total in found.by(*names).items():
            yield (what, *map(str, key)), total[:5] if what == "coverage" else _sums(total)


def _sums(total: Total) -> tuple[int, ...]:
    return total.tasks, total.measured, total.treated, total.freed_ms, total.gross_ms
