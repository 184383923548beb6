"""From a batch of records to rows and dead letters: verdict, match, measure. Pure, in a worker thread."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.deadletters import dead_letter
from services.collector import rows
from services.collector.partitions import Batch
from services.collector.pipeline import DeadLetter, Judged
from services.collector.provenance import Provenance
from services.collector.rows import Placed
from services.collector.verdicts import Verdicts, judge_records
from services.domain.columns import STATUSES, MeasurementColumns, Snapshot, TaskColumns


@dataclass(frozen=True, slots=True)
class BatchJudge:
    """`Judge` with the proofs of this installation and the registry of the moment."""

    provenance: Provenance
    snapshot: Callable[[], Snapshot]

    async def judge(self, batch: Batch) -> Judged:
        """The rows of a batch under one snapshot of the registry."""
        return judge(batch, self.snapshot(), self.provenance)


def judge(batch: Batch, snapshot: Snapshot, provenance: Provenance) -> Judged:
    """The rows of a batch: the same for the same records, rules and generation, however the batch was cut."""
    started = perf_counter()
    verdicts = judge_records(batch.records)
    placed = Placed.of(batch)
    tasks = task_columns(verdicts.states)
    measured = snapshot.measure(tasks)
    letters = _dead_letters(batch, verdicts, placed)
    return Judged(
        records=rows.records(verdicts, placed, provenance),
        measurements=rows.measurements(verdicts, placed, measured, snapshot),
        dead_letters=letters,
        codes=dict(Counter(violation.code.value for _, violation in verdicts.refused)),
        statuses=_statuses(measured),
        seconds=perf_counter() - started,
    )


def task_columns(states: pa.Table) -> TaskColumns:
    """What the measuring needs of a table of `TASKS`."""
    scopes, codes = _scopes(states)
    review, review_known = _integers(states, "review_ms")
    rework, rework_known = _integers(states, "rework_ms")
    return TaskColumns(
        scopes=scopes,
        scope_codes=codes,
        completed_ms=_integers(states, "completed_ms")[0],
        active_ms=_integers(states, "active_ms")[0],
        review_ms=review,
        review_known=review_known,
        rework_ms=rework,
        rework_known=rework_known,
        elapsed=_equals(states, "time_basis", "elapsed"),
        assisted=~_equals(states, "assistance", "none"),
        earns_credit=_equals(states, "outcome", "completed") & _equals(states, "origin", "pre_existing"),
    )


def _scopes(states: pa.Table) -> tuple[list[tuple[str, str, str]], npt.NDArray[np.int64]]:
    encoded = [
        states.column(name).combine_chunks().dictionary_encode() for name in ("authority", "task_type", "complexity")
    ]
    sizes = [max(1, len(column.dictionary)) for column in encoded]
    codes = [column.indices.to_numpy().astype(np.int64) for column in encoded]
    combined = (codes[0] * sizes[1] + codes[1]) * sizes[2] + codes[2]
    distinct, scope_codes = np.unique(combined, return_inverse=True)
    words = [column.dictionary.to_pylist() for column in encoded]
    scopes = [
        (words[0][code // sizes[2] // sizes[1]], words[1][code // sizes[2] % sizes[1]], words[2][code % sizes[2]])
        for code in distinct.tolist()
    ]
    return scopes, scope_codes.astype(np.int64)


def _integers(states: pa.Table, name: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    column = states.column(name).combine_chunks()
    known = np.ones(len(column), dtype=np.bool_)
    if column.null_count:
        known = column.is_valid().to_numpy(zero_copy_only=False)
        column = column.fill_null(0)
    return column.to_numpy(), known


def _equals(states: pa.Table, name: str, value: str) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = pc.equal(states.column(name), value).combine_chunks().to_numpy(zero_copy_only=False)
    return result


def _statuses(measured: MeasurementColumns) -> dict[str, int]:
    counts = np.bincount(measured.status, minlength=len(STATUSES)).tolist()
    return {status: count for status, count in zip(STATUSES, counts, strict=True) if count}


def _dead_letters(batch: Batch, verdicts: Verdicts, placed: Placed) -> list[DeadLetter]:
    letters = []
    for row, violation in verdicts.refused:
        record = batch.records[row]
        size = len(record.value or b"")
        letters.append(DeadLetter(*dead_letter(placed.coordinate(row).decode(), record.timestamp, size, violation)))
    return letters
