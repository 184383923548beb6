"""The verdict on every record of a batch: the fast reading first, the contract for all that it left."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from aiokafka import ConsumerRecord

from contracts.codes import Violation
from contracts.events import Event, TaskStateEvent, epoch_ms
from contracts.reading import Record, read
from contracts.tasks import TaskRetraction, TaskState
from services.collector.fast import Candidates
from services.collector.tables import TASKS


@dataclass(slots=True)
class Verdicts:
    """What a batch holds. Every record's index stands in exactly one of: `states`' column row, `others`, `refused`.

    `payloads` are the stored bytes of `states`, row for row.
    """

    states: pa.Table
    payloads: pa.Array
    others: list[tuple[int, Event, bytes]] = field(default_factory=list)
    refused: list[tuple[int, Violation]] = field(default_factory=list)


def judge_records(records: Sequence[ConsumerRecord]) -> Verdicts:
    """The verdicts on a batch. Never raises for a record's fault."""
    fast, payloads = Candidates(records).accept(records)
    verdicts = Verdicts(fast, payloads)
    if fast.num_rows == len(records):
        return verdicts
    seen = set(fast.column("row").to_pylist())
    slow: list[dict[str, object]] = []
    slow_payloads: list[bytes] = []
    for row, record in enumerate(records):
        if row in seen:
            continue
        try:
            reading = read(Record(record.topic, record.key, tuple(record.headers), record.value))
        except Violation as violation:
            # Anew: the one that was raised holds these frames by its traceback, hence the whole batch, in a cycle.
            verdicts.refused.append((row, Violation(violation.code, violation.path)))
            continue
        if isinstance(reading.event, TaskStateEvent):
            slow.append(state_row(row, reading.event))
            slow_payloads.append(reading.payload)
        else:
            verdicts.others.append((row, reading.event, reading.payload))
    if slow:
        verdicts.payloads = pa.concat_arrays([payloads, pa.array(slow_payloads, pa.binary())])
        verdicts.states = pa.concat_tables([fast, pa.Table.from_pylist(slow, TASKS)]).combine_chunks()
    return verdicts


def state_row(row: int, event: TaskStateEvent) -> dict[str, object]:
    """A task state event of the contract as a row of `TASKS`."""
    state = event.data
    fields = {name: getattr(state, name) for name in TASKS.names if name in TaskState.model_fields}
    return {
        **fields,
        "row": row,
        "type": event.type,
        "source": event.source,
        "id": event.id,
        "subject": event.subject,
        "started_ms": epoch_ms(state.started_at),
        "completed_ms": epoch_ms(state.completed_at),
    }


def retractions(verdicts: Verdicts) -> list[tuple[int, TaskRetraction]]:
    """The retractions among the other events, with their index in the batch."""
    return [(row, event.data) for row, event, _ in verdicts.others if isinstance(event.data, TaskRetraction)]
