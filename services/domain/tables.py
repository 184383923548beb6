"""Between tables of tasks and the columns that measuring works on: for whoever writes rows of `measurements`. Pure.

Collector and restatement both go through here, since a row of one coordinate, rules and generation may have one content.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.domain.arrays import Integers, Mask
from services.domain.clusters.codes import Coded
from services.domain.columns import STATUSES, MeasurementColumns, Snapshot, TaskColumns
from services.domain.effect.roles import role_of


def task_columns(states: pa.Table) -> TaskColumns:
    """What measuring needs of a table of tasks: the columns of a task state as the contract names them, and `completed_ms`."""
    scopes, codes = _scopes(states)
    review, review_known = integers(states, "review_ms")
    rework, rework_known = integers(states, "rework_ms")
    return TaskColumns(
        scopes=scopes,
        scope_codes=codes,
        completed_ms=integers(states, "completed_ms")[0],
        active_ms=integers(states, "active_ms")[0],
        review_ms=review,
        review_known=review_known,
        rework_ms=rework,
        rework_known=rework_known,
        elapsed=equals(states, "time_basis", "elapsed"),
        assisted=~equals(states, "assistance", "none"),
        earns_credit=equals(states, "outcome", "completed") & equals(states, "origin", "pre_existing"),
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


def coded(table: pa.Table, name: str) -> Coded:
    """A column of names, or of whole numbers that stand for them, numbered in their order; shape (n,)."""
    column = table.column(name).combine_chunks()
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    whole = pa.types.is_integer(encoded.dictionary.type)
    names = encoded.dictionary.to_numpy() if whole else np.array(encoded.dictionary.to_pylist(), dtype=np.str_)
    order = np.argsort(names)
    place = np.empty(len(names), dtype=np.intp)
    place[order] = np.arange(len(names))
    return Coded(names[order], place[encoded.indices.to_numpy()])


def integers(states: pa.Table, name: str) -> tuple[Integers, Mask]:
    """A column of integers, 0 where it is null, and where it is known; shape (n,)."""
    column = states.column(name).combine_chunks()
    known = np.ones(len(column), dtype=np.bool_)
    if column.null_count:
        known = column.is_valid().to_numpy(zero_copy_only=False)
        column = column.fill_null(0)
    return column.to_numpy(), known


def equals(states: pa.Table, name: str, value: str) -> Mask:
    """Where a column of text has this value; shape (n,)."""
    result: Mask = pc.equal(states.column(name), value).combine_chunks().to_numpy(zero_copy_only=False)
    return result


def roles(tasks: pa.Table) -> pa.Array:
    """The role of each task (`role_of`), from its arm (empty: none was drawn) and assistance; shape (n,)."""
    arms, assistances = (tasks.column(name).combine_chunks().dictionary_encode() for name in ("arm", "assistance"))
    width = max(1, len(assistances.dictionary))
    pairs, place = np.unique(arms.indices.to_numpy() * width + assistances.indices.to_numpy(), return_inverse=True)
    names = [
        role_of(arms.dictionary[pair // width].as_py() or None, assistances.dictionary[pair % width].as_py())
        for pair in pairs.tolist()
    ]
    return pa.array(names, pa.string()).take(pa.array(place))


def measured_columns(measured: MeasurementColumns, snapshot: Snapshot) -> dict[str, pa.Array]:
    """The columns of `measurements` that depend on the registry, but for the generation; shape (n,) each."""
    return {
        "status": pa.array(STATUSES).take(pa.array(measured.status)),
        "counted_active_ms": pa.array(measured.counted_active_ms),
        "capped": pa.array(measured.capped.astype(np.uint8)),
        "effort_ms": pa.array(measured.effort_ms),
        "credit_ms": pa.array(measured.credit_ms, mask=~measured.has_credit),
        "saved_ms": pa.array(measured.saved_ms, mask=~measured.has_saved),
        **_baseline_columns(measured.baseline, snapshot),
    }


def _baseline_columns(matched: npt.NDArray[np.int64], snapshot: Snapshot) -> dict[str, pa.Array]:
    used, codes = np.unique(matched, return_inverse=True)
    chosen = [snapshot.baselines[index] if index >= 0 else None for index in used.tolist()]
    where = pa.array(codes)
    return {
        "baseline": pa.array([b.baseline if b else "" for b in chosen], pa.string()).take(where),
        "baseline_version": pa.array([b.version if b else 0 for b in chosen], pa.uint32()).take(where),
        "baseline_level": pa.array([b.level if b else "" for b in chosen], pa.string()).take(where),
        "grade": pa.array([b.grade if b else "" for b in chosen], pa.string()).take(where),
    }
