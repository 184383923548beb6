"""The checks of the fast reading on whole columns: those of the contract that msgspec does not make.

A check may refuse what the contract accepts; it accepts nothing that the contract refuses. An absent value is fine.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import identifiers, topics
from contracts.events import COMPLETED, schema_name
from services.domain.arrays import Mask

_EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01
_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
_TOKEN: Final = re.compile(identifiers.TOKEN_PATTERN, re.ASCII)
_SOURCE: Final = re.compile(identifiers.SOURCE_PATTERN, re.ASCII)


def true_of(mask: pa.Array) -> Mask:
    """A boolean Arrow array as numpy, null as false."""
    if mask.null_count:
        mask = mask.fill_null(False)  # noqa: FBT003 - pyarrow's signature
    result: Mask = mask.to_numpy(zero_copy_only=False)
    return result


def timestamps(columns: dict[str, pa.Array]) -> dict[str, Any]:
    """Epoch milliseconds (int64, null where absent) of every timestamp column, and `valid`."""
    result: dict[str, Any] = {}
    valid = np.ones(len(columns["time"]), dtype=np.bool_)
    for name in ("time", "recordedtime", "started_at", "completed_at", "assigned_at", "predicted_at"):
        text = columns[name]
        absent = text.null_count
        if absent == len(text):
            result[name] = pa.nulls(len(text), pa.int64())
            continue
        formed = pc.match_substring_regex(text, identifiers.TIMESTAMP_PATTERN)
        try:
            moments = pc.if_else(formed, text, None).cast(pa.timestamp("ns", "UTC"))
        except pa.ArrowInvalid:  # a 30th of February: the contract finds out which
            return {**result, "valid": np.zeros(len(text), dtype=np.bool_)} | {
                name: pa.nulls(len(text), pa.int64()) for name in ("started_at", "completed_at", "assigned_at")
            }
        milliseconds = pc.divide(moments.cast(pa.int64()), 1_000_000)
        in_range = pc.and_(pc.greater_equal(milliseconds, _EARLIEST_MS), pc.less(milliseconds, _LATEST_MS))
        valid &= true_of(in_range) if absent == 0 else (true_of(in_range) | ~true_of(text.is_valid()))
        result[name] = milliseconds
    return {**result, "valid": valid}


def formats(columns: dict[str, pa.Array]) -> Mask:
    """Whether every string has its field's format and holds nothing like a personal number."""
    valid = np.ones(len(columns["id"]), dtype=np.bool_)
    valid &= distinct(columns["authority"], identifiers.is_cvr)
    valid &= distinct(columns["task_type"], _is_harmless_task_type)
    valid &= distinct(columns["source"], _is_harmless_source)
    for name in ("programme", "study", "stratum"):
        valid &= distinct(columns[name], is_harmless_token)
    for name in ("id", "task", "cluster"):
        valid &= _matches(columns[name], identifiers.TOKEN_PATTERN)
    valid &= _matches(columns["sequence"], identifiers.SEQUENCE_PATTERN)
    for name in ("id", "task", "cluster", "sequence"):
        if columns[name].null_count < len(columns[name]):
            valid &= ~true_of(pc.match_substring_regex(columns[name], identifiers.PERSONAL_NUMBER_PATTERN))
    return valid


def is_harmless_token(text: str) -> bool:
    """Whether it is a token of the contract and holds nothing like a personal number."""
    return _TOKEN.fullmatch(text) is not None and not identifiers.holds_personal_number(text)


def _is_harmless_source(text: str) -> bool:
    return _SOURCE.fullmatch(text) is not None and not identifiers.holds_personal_number(text)


def _is_harmless_task_type(text: str) -> bool:
    return identifiers.is_task_type(text) and not identifiers.holds_personal_number(text)


def _matches(column: pa.Array, pattern: str) -> Mask | np.bool_:
    """Whether each value matches; an absent one is fine."""
    if column.null_count == len(column):
        return np.True_
    matched = true_of(pc.match_substring_regex(column, pattern))
    return matched if column.null_count == 0 else matched | ~true_of(column.is_valid())


def distinct(column: pa.Array, check: Callable[[str], bool]) -> Mask | np.bool_:
    """Whether each value passes the check, which sees every distinct value once; an absent one is fine."""
    if column.null_count == len(column):
        return np.True_
    encoded = column.dictionary_encode()
    return _spread(encoded, np.fromiter((check(text) for text in encoded.dictionary.to_pylist()), dtype=np.bool_))


def _spread(encoded: pa.DictionaryArray, verdicts: Mask) -> Mask:
    """The verdicts on distinct values as verdicts on rows; an absent value is fine."""
    codes = encoded.indices
    if codes.null_count == 0:
        result: Mask = verdicts[codes.to_numpy()]
        return result
    spread: Mask = verdicts[codes.fill_null(0).to_numpy()] | ~true_of(codes.is_valid())
    return spread


def agreement(columns: dict[str, pa.Array], topic: pa.Array, key: pa.Array) -> Mask:
    """Whether subject, partition key, record key, topic and schema name say the same as the data."""
    task = columns["task"]
    schema = pc.binary_join_element_wise(schema_name(""), columns["type"], "")
    own_topic = pc.binary_join_element_wise(topics.TASKS_PREFIX, columns["authority"], "")
    return (
        true_of(pc.equal(columns["subject"], task))
        & true_of(pc.equal(columns["partitionkey"], task))
        & true_of(pc.equal(key, task.cast(pa.binary())))
        & true_of(pc.equal(own_topic, topic))
        & true_of(pc.equal(columns["dataschema"], schema))
    )


def consistency(columns: dict[str, pa.Array], times: dict[str, pa.Array]) -> Mask:
    """The rules between fields of `contracts.tasks.TaskState` and of the replacing events."""
    valid = true_of(pc.greater_equal(times["completed_at"], times["started_at"]))
    first = true_of(pc.equal(columns["type"], COMPLETED))
    if not first.all():
        valid &= first | true_of(pc.greater_equal(columns["revision"], 2))
    has = {
        name: _present(columns[name])
        for name in ("arm", "assigned_at", "study", "stratum", "cluster", "cluster_kind", "predicted_at")
    }
    valid &= (has["arm"] == has["assigned_at"]) & (has["cluster"] == has["cluster_kind"])
    if np.any(has["arm"]):
        drawn_first = true_of(pc.less_equal(times["assigned_at"], times["started_at"]))
        valid &= ~has["arm"] | (drawn_first & true_of(pc.equal(columns["assignment"], "random")))
    valid &= ~has["stratum"] | has["study"]
    if np.any(has["cluster_kind"]):
        valid &= ~true_of(pc.equal(columns["cluster_kind"], "worker")) | has["study"]
    predicted = _present(columns["predicted_without_ai_ms"]) | _present(columns["predicted_with_ai_ms"])
    return valid & (~predicted | has["predicted_at"])


def _present(column: pa.Array) -> Mask:
    if column.null_count == len(column):
        return np.zeros(len(column), dtype=np.bool_)
    return true_of(column.is_valid())
