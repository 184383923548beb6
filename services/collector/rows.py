"""The rows of `records` and `measurements` as Arrow tables, column for column. Pure."""

from dataclasses import dataclass
from itertools import chain, groupby, repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import TopicPartition

from contracts import RULES
from services.collector.partitions import Batch, partition_of
from services.collector.verdicts import Verdicts, retractions
from services.domain.columns import MeasurementColumns, Snapshot
from services.domain.provenance import (
    REJECTED_DIGEST,
    Provenance,
    accepted_leaf,
    digest_of,
    rejected_leaf,
)
from services.domain.tables import measured_columns

_MOMENT: Final = pa.timestamp("ms", "UTC")
_DAY_MS: Final = 86_400_000
_STATE_TEXT: Final = (
    *("task_type", "complexity", "time_basis", "assistance", "assignment", "arm", "origin", "outcome", "work"),
    *("audience", "programme", "study", "stratum", "cluster", "cluster_kind"),
)
_STATE_NUMBERS: Final = ("active_ms", "review_ms", "rework_ms", "predicted_without_ai_ms", "predicted_with_ai_ms")


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the records of a batch stand: arrays of shape (n,)."""

    log_no: npt.NDArray[np.uint32]
    topic: list[str]
    partition: npt.NDArray[np.uint16]
    offset: npt.NDArray[np.uint64]
    broker_ms: npt.NDArray[np.int64]
    coordinate: list[bytes]
    """`log_no/topic/partition/offset` of each record."""

    @classmethod
    def of(cls, batch: Batch) -> "Placed":
        """The places of a batch."""
        records = batch.records
        runs = [(place, len(list(run))) for place, run in groupby(records, key=partition_of)]
        lengths = [length for _, length in runs]
        log_no = [batch.logs[TopicPartition(*place)].log_no for place, _ in runs]
        offsets = [record.offset for record in records]
        heads = [
            f"{number}/{topic}/{partition}/".encode()
            for number, ((topic, partition), _) in zip(log_no, runs, strict=True)
        ]
        return cls(
            log_no=np.repeat(np.array(log_no, np.uint32), lengths),
            topic=[record.topic for record in records],
            partition=np.repeat(np.array([partition for (_, partition), _ in runs], np.uint16), lengths),
            offset=np.array(offsets, dtype=np.uint64),
            broker_ms=np.array([record.timestamp for record in records], np.int64),
            coordinate=[
                head + b"%d" % offset
                for head, offset in zip(chain.from_iterable(map(repeat, heads, lengths)), offsets, strict=True)
            ],
        )

    def columns(self, at: npt.NDArray[np.int64]) -> dict[str, Any]:
        """The coordinate columns of the records at these indices."""
        return {
            "log_no": self.log_no[at],
            "partition": self.partition[at],
            "offset": self.offset[at],
            "broker_time": pa.array(self.broker_ms[at]).cast(_MOMENT),
        }


def records(verdicts: Verdicts, placed: Placed, provenance: Provenance) -> pa.Table:
    """The rows of `records`: one a record of the batch, accepted ones first."""
    states = verdicts.states
    others = [event for _, event, _ in verdicts.others]
    at = states.column("row").to_pylist() + [row for row, _, _ in verdicts.others]
    more = [payload for _, _, payload in verdicts.others] + [b""] * len(verdicts.refused)
    payloads = pa.concat_arrays([verdicts.payloads, pa.array(more, pa.binary())]) if more else verdicts.payloads
    refused = verdicts.refused
    coordinates = [placed.coordinate[row] for row in at]
    broker_ms = placed.broker_ms.tolist()
    salts = list(map(provenance.salt, coordinates))
    digests = list(map(digest_of, salts, payloads.slice(0, len(at)).to_pylist()))
    leaves = [accepted_leaf(c, broker_ms[row], digest) for c, row, digest in zip(coordinates, at, digests, strict=True)]
    leaves += [
        rejected_leaf(placed.coordinate[row], broker_ms[row], violation.code, violation.path)
        for row, violation in refused
    ]
    everywhere = np.array(at + [row for row, _ in refused], dtype=np.int64)
    empty = [""] * len(refused)
    return pa.table(
        {
            **placed.columns(everywhere),
            "topic": pa.array([placed.topic[row] for row in everywhere.tolist()]),
            "digest": pa.array(digests + [REJECTED_DIGEST] * len(refused), pa.binary(32)),
            "accepted": np.repeat(np.array([1, 0], dtype=np.uint8), [len(at), len(refused)]),
            "rules": np.full(len(everywhere), RULES, dtype=np.uint32),
            "event_type": _text(states, "type", [event.type for event in others] + empty),
            "event_source": _text(states, "source", [event.source for event in others] + empty),
            "event_id": _text(states, "id", [event.id for event in others] + empty),
            "subject": _text(states, "subject", [event.subject for event in others] + empty),
            "payload": payloads,
            "salt": pa.array(salts + [b""] * len(refused), pa.binary()),
            "leaf": pa.array(leaves, pa.binary(32)),
            "code": pa.array([""] * len(at) + [violation.code.value for _, violation in refused]),
            "path": pa.array([""] * len(at) + [violation.path for _, violation in refused]),
        }
    )


def _text(states: pa.Table, name: str, more: list[str]) -> pa.ChunkedArray:
    return pa.chunked_array([*states.column(name).chunks, pa.array(more, pa.string())], pa.string()).combine_chunks()


def measurements(verdicts: Verdicts, placed: Placed, measured: MeasurementColumns, snapshot: Snapshot) -> pa.Table:
    """The rows of `measurements`: one a task state, and one a retraction."""
    table = _state_rows(verdicts.states, placed, measured, snapshot)
    taken_back = retractions(verdicts)
    if not taken_back:
        return table
    at = np.array([row for row, _ in taken_back], dtype=np.int64)
    data = [retraction for _, retraction in taken_back]
    placed_columns = placed.columns(at)
    empty = {field.name: pa.array([_empty(field)] * len(data), field.type) for field in table.schema}
    retracted = {
        **empty,
        **{name: pa.array(column) for name, column in placed_columns.items()},
        "authority": pa.array([retraction.authority for retraction in data]),
        "task": pa.array([retraction.task for retraction in data]),
        "revision": pa.array([retraction.revision for retraction in data], pa.uint32()),
        "kind": pa.array([2] * len(data), pa.uint8()),
        "rules": pa.array([RULES] * len(data), pa.uint32()),
        "generation": pa.array([snapshot.generation] * len(data), pa.uint64()),
    }
    return pa.concat_tables([table, pa.table(retracted).select(table.column_names).cast(table.schema)])


def _empty(field: pa.Field) -> Any:
    if field.nullable and field.name in {"review_ms", "rework_ms", "credit_ms", "saved_ms", *_STATE_NUMBERS[3:]}:
        return None
    return "" if pa.types.is_string(field.type) else 0


def _state_rows(states: pa.Table, placed: Placed, measured: MeasurementColumns, snapshot: Snapshot) -> pa.Table:
    count = states.num_rows
    at = states.column("row").to_numpy()
    text = {name: _filled(states, name) for name in _STATE_TEXT}
    completed = states.column("completed_ms").to_numpy()
    return pa.table(
        {
            "authority": states.column("authority"),
            "task": states.column("task"),
            "revision": states.column("revision").cast(pa.uint32()),
            "kind": np.ones(count, dtype=np.uint8),
            **placed.columns(at),
            "rules": np.full(count, RULES, dtype=np.uint32),
            "generation": np.full(count, snapshot.generation, dtype=np.uint64),
            "day": pa.array((completed // _DAY_MS).astype(np.int32)).cast(pa.date32()),
            "started_at": states.column("started_ms").cast(_MOMENT),
            "completed_at": states.column("completed_ms").cast(_MOMENT),
            **text,
            **{name: states.column(name) for name in _STATE_NUMBERS},
            **measured_columns(measured, snapshot),
        }
    )


def _filled(states: pa.Table, name: str) -> pa.ChunkedArray:
    column = states.column(name)
    return pc.fill_null(column, "") if column.null_count else column
