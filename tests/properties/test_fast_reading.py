"""Whatever the fast reading accepts, the contract accepts with the same values; verdicts of a batch are the contract's."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings

from contracts.codes import Violation
from contracts.events import TaskStateEvent
from contracts.examples import invalid, valid
from contracts.reading import Record, read
from services.collector.assignment import Begin
from services.collector.fast import Candidates
from services.collector.judge import judge
from services.collector.partitions import Batch
from services.collector.pipeline import DeadLetter
from services.collector.tables import TASKS
from services.collector.verdicts import judge_records, state_row
from services.domain.columns import Snapshot
from services.domain.match import Registry
from services.domain.provenance import Provenance
from tests.properties.events import binary_records, mutated_records, structured_records


@dataclass
class Delivered:
    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


def _delivered(record: Record) -> Delivered:
    return Delivered(record.topic, record.key, record.headers, record.value)


def _fast(record: Record) -> tuple[list[dict[str, object]], list[bytes]]:
    table, payloads = Candidates([_delivered(record)]).accept([_delivered(record)])
    return table.to_pylist(), payloads.to_pylist()


def _contract(record: Record) -> tuple[list[dict[str, object]], list[bytes]] | Violation:
    try:
        reading = read(record)
    except Violation as violation:
        return violation
    if not isinstance(reading.event, TaskStateEvent):
        return [], []
    return pa.Table.from_pylist([state_row(0, reading.event)], TASKS).to_pylist(), [reading.payload]


def _is_sound(record: Record) -> bool:
    """Holds the soundness of the fast reading on one record; whether it accepted."""
    rows, payloads = _fast(record)
    if not rows:
        return False
    assert (rows, payloads) == _contract(record)
    return True


@given(structured_records())
@settings(max_examples=300)
def test_structured_records_read_alike(record: Record) -> None:
    _is_sound(record)


@given(binary_records())
@settings(max_examples=150)
def test_binary_records_read_alike(record: Record) -> None:
    _is_sound(record)


@given(mutated_records())
@settings(max_examples=600)
def test_mutated_records_read_alike(record: Record) -> None:
    _is_sound(record)


def test_examples_read_alike_and_the_valid_states_are_read_fast() -> None:
    for example in invalid():
        assert not _is_sound(example.record), example.name
    accepted = {example.name for example in valid() if _is_sound(example.record)}
    assert {"completed", "completed-full", "binary-completed-full", "corrected", "reopened"} <= accepted


def test_a_batch_gets_the_verdicts_of_its_records() -> None:
    examples = [*valid(), *invalid()]
    tasks_only = [example for example in examples if example.record.topic.startswith("frigjort.tasks")]
    verdicts = judge_records([_delivered(example.record) for example in tasks_only])
    refused = {tasks_only[row].name: (violation.code, violation.path) for row, violation in verdicts.refused}
    assert refused == {example.name: (example.code, example.path) for example in tasks_only if example.code is not None}
    rows = [
        *verdicts.states.column("row").to_pylist(),
        *(row for row, _, _ in verdicts.others),
        *(row for row, _ in verdicts.refused),
    ]
    assert sorted(rows) == list(range(len(tasks_only)))


def test_rows_do_not_depend_on_how_a_batch_was_cut() -> None:
    examples = [e for e in (*valid(), *invalid()) if e.record.topic.startswith("frigjort.tasks")] * 25
    partition = TopicPartition(examples[0].record.topic, 0)
    records = [
        ConsumerRecord(e.record.topic, 0, offset, 1_772_000_000_000 + offset, 0, e.record.key, e.record.value, None, 0, 0, e.record.headers)
        for offset, e in enumerate(examples)
    ]  # fmt: skip
    provenance, snapshot, log = Provenance(b"s" * 32), Snapshot(Registry()), Begin(1, "id-1", 0)

    def judged(cuts: list[int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[DeadLetter]]:
        parts = [
            judge(Batch(records[first:last], {partition: log}, {partition: last}, 1), snapshot, provenance)
            for first, last in pairwise([0, *cuts, len(records)])
        ]
        return (
            sorted((row for part in parts for row in part.records.to_pylist()), key=lambda row: row["offset"]),
            sorted((row for part in parts for row in part.measurements.to_pylist()), key=lambda row: row["offset"]),
            [letter for part in parts for letter in part.dead_letters],
        )

    assert len(records) > 4_096
    assert judged([]) == judged([1, 7, 1_000, 4_097])
