"""The fast way to read a batch: accepts only what it can show to be valid, and leaves the rest to the contract.

Soundness, held by property tests against `contracts.reading.read`: what is accepted here, the contract accepts with the
same values. What is not accepted here is not refused either: the contract judges it and alone gives verdicts. The checks
that msgspec does not make are made on whole columns:

- duplicate keys: the number of `":` in a payload must be the number of fields found in it, and no quote may stand before
  a blank (pretty-printed events are left to the contract). No accepted string holds a quote, so each `":` ends a key;
- formats: the contract's own functions on the distinct values of a column, its own patterns on all values. Every string
  of the shape is checked by one of them, by a fixed list of values or by the pattern of timestamps;
- personal numbers: the contract's pattern on every string whose format leaves room for one.
"""

import re
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from aiokafka import ConsumerRecord

from contracts import identifiers, topics
from contracts.codes import Violation
from contracts.events import COMPLETED, schema_name
from contracts.reading import MAX_BYTES, STRUCTURED_HEADERS, binary_attributes, structured_form
from services.collector.shapes import (
    HEAD_REQUIRED,
    MODEL_USE_REQUIRED,
    STATE_REQUIRED,
    Head,
    ModelUse,
    State,
    StructuredEvent,
)
from services.collector.tables import TASKS

Mask = npt.NDArray[np.bool_]

_EARLIEST_MS: Final = 946_684_800_000  # 2000-01-01
_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
_STRUCTURED_DECODER: Final = msgspec.json.Decoder(StructuredEvent)
_STATE_DECODER: Final = msgspec.json.Decoder(State)

_HEAD_COLUMNS: Final = (
    "type",
    "source",
    "id",
    "subject",
    "partitionkey",
    "time",
    "dataschema",
    "sequence",
    "recordedtime",
)
_head_values: Final = attrgetter(*_HEAD_COLUMNS, "datacontenttype")
_STATE_COLUMNS: Final = tuple(name for name in State.__struct_fields__ if name != "ai")
_INTEGERS: Final = frozenset(
    ("active_ms", "review_ms", "rework_ms", "predicted_without_ai_ms", "predicted_with_ai_ms", "revision")
)
_TOKEN: Final = re.compile(identifiers.TOKEN_PATTERN, re.ASCII)
_SOURCE: Final = re.compile(identifiers.SOURCE_PATTERN, re.ASCII)
_QUOTE: Final = ord('"')


class Candidates:
    """Records of a batch that parse into the shape of a task state event, not yet checked.

    `rows` are their indices in the batch, `payloads` their bytes in structured mode.
    """

    def __init__(self, records: Sequence[ConsumerRecord]) -> None:
        self.rows: list[int] = []
        self.payloads: list[bytes] = []
        self._heads: list[StructuredEvent | Head] = []
        self._states: list[State] = []
        for row, record in enumerate(records):
            value = record.value
            if not value or len(value) > MAX_BYTES:
                continue
            try:
                if tuple(record.headers) == STRUCTURED_HEADERS:
                    event = _STRUCTURED_DECODER.decode(value)
                    head: StructuredEvent | Head = event
                    state = event.data
                else:
                    attributes = binary_attributes(tuple(record.headers))
                    if attributes is None:
                        head = _STRUCTURED_DECODER.decode(value)
                        state = head.data
                    else:
                        head = msgspec.convert(attributes, Head)
                        state = _STATE_DECODER.decode(value)
                        value = structured_form(attributes, value)
            except (msgspec.MsgspecError, Violation, UnicodeDecodeError, RecursionError):
                continue
            self.rows.append(row)
            self.payloads.append(value)
            self._heads.append(head)
            self._states.append(state)

    def accept(self, records: Sequence[ConsumerRecord]) -> tuple[pa.Table, pa.Array]:
        """The valid ones as a table of `TASKS`, and their payloads (binary) in the same order."""
        if not self.rows:
            return TASKS.empty_table(), pa.array([], pa.binary())
        payloads = pa.array(self.payloads, pa.binary())
        columns, uses = self._columns()
        present = _present_keys(columns)
        valid = uses.check(present)
        keys, clear = _count_keys(payloads)
        valid &= (keys == present) & clear
        topic = pa.array([records[row].topic for row in self.rows], pa.string())
        key = pa.array([records[row].key for row in self.rows], pa.binary())
        times = _timestamps(columns)
        valid &= times.pop("valid")
        valid &= _formats(columns) & _agreement(columns, topic, key) & _consistency(columns, times)
        columns["row"] = pa.array(self.rows, pa.int64())
        columns["started_ms"] = times["started_at"]
        columns["completed_ms"] = times["completed_at"]
        table = pa.table([columns[name] for name in TASKS.names], schema=TASKS)
        if valid.all():
            return table, payloads
        kept = pa.array(np.flatnonzero(valid))
        return table.take(kept), payloads.take(kept)

    def _columns(self) -> "tuple[dict[str, pa.Array], _Uses]":
        """Arrow columns of every field but `ai`, and the `ai` blocks."""
        heads = zip(*map(_head_values, self._heads), strict=True)
        *states, blocks = zip(*map(msgspec.structs.astuple, self._states), strict=True)
        names = (*_HEAD_COLUMNS, "datacontenttype")
        columns = {name: pa.array(values, pa.string()) for name, values in zip(names, heads, strict=True)}
        for name, values in zip(_STATE_COLUMNS, states, strict=True):
            columns[name] = pa.array(values, pa.int64() if name in _INTEGERS else pa.string())
        return columns, _Uses(blocks)


class _Uses:
    """The `ai` blocks of a batch: checked, not kept."""

    def __init__(self, blocks: Sequence[ModelUse | None]) -> None:
        self._count = len(blocks)
        self._uses = [use for use in blocks if use is not None]
        rows = (row for row, use in enumerate(blocks) if use is not None)
        self._at = np.fromiter(rows, dtype=np.int64, count=len(self._uses))

    def check(self, present: npt.NDArray[np.int64]) -> Mask:
        """Adds the blocks' keys to `present`; whether each record's block, if it has one, holds allowed strings."""
        valid = np.ones(self._count, dtype=np.bool_)
        if not self._uses:
            return valid
        keys = np.full(len(self._uses), 1 + MODEL_USE_REQUIRED, dtype=np.int64)
        sound = np.ones(len(self._uses), dtype=np.bool_)
        fields = zip(*map(msgspec.structs.astuple, self._uses), strict=True)
        for name, values in zip(ModelUse.__struct_fields__, fields, strict=True):
            is_text = not name.endswith("tokens")
            column = pa.array(values, pa.string() if is_text else pa.int64())
            if name not in {"provider", "request_model"}:
                _add_present(keys, column)
            if is_text:
                sound &= _distinct(column, _is_harmless_token)
        present[self._at] += keys
        valid[self._at] = sound
        return valid


def _present_keys(columns: dict[str, pa.Array]) -> npt.NDArray[np.int64]:
    """How many keys each event must have had to hold the fields it has, without those of its `ai` block."""
    present = np.full(len(columns["id"]), HEAD_REQUIRED + STATE_REQUIRED, dtype=np.int64)
    for name in ("datacontenttype", "sequence", "recordedtime", *_STATE_COLUMNS[STATE_REQUIRED:]):
        _add_present(present, columns[name])
    return present


def _add_present(present: npt.NDArray[np.int64], column: pa.Array) -> None:
    if column.null_count == 0:
        present += 1
    elif column.null_count < len(column):
        present += _true(column.is_valid())


def _true(mask: pa.Array) -> Mask:
    """A boolean Arrow array as numpy, null as false."""
    if mask.null_count:
        mask = mask.fill_null(False)  # noqa: FBT003 - pyarrow's signature
    result: Mask = mask.to_numpy(zero_copy_only=False)
    return result


def _count_keys(payloads: pa.Array) -> tuple[npt.NDArray[np.int64], Mask]:
    """How often a quote is followed by a colon in each payload, and whether none is followed by a blank."""
    offsets = np.frombuffer(payloads.buffers()[1], dtype=np.int32, count=len(payloads) + 1)
    data = np.frombuffer(payloads.buffers()[2], dtype=np.uint8, count=int(offsets[-1]))
    quotes, followers = data[:-1] == _QUOTE, data[1:]
    colons = np.flatnonzero(quotes & (followers == ord(":")))
    blanks = np.flatnonzero(quotes & (followers <= ord(" ")))
    keys: npt.NDArray[np.int64] = np.diff(np.searchsorted(colons, offsets))
    clear: Mask = np.diff(np.searchsorted(blanks, offsets)) == 0
    return keys, clear


def _timestamps(columns: dict[str, pa.Array]) -> dict[str, Any]:
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
        valid &= _true(in_range) if absent == 0 else (_true(in_range) | ~_true(text.is_valid()))
        result[name] = milliseconds
    return {**result, "valid": valid}


def _formats(columns: dict[str, pa.Array]) -> Mask:
    """Whether every string has its field's format and holds nothing like a personal number."""
    valid = np.ones(len(columns["id"]), dtype=np.bool_)
    valid &= _distinct(columns["authority"], identifiers.is_cvr)
    valid &= _distinct(columns["task_type"], _is_harmless_task_type)
    valid &= _distinct(columns["source"], _is_harmless_source)
    for name in ("programme", "study", "stratum"):
        valid &= _distinct(columns[name], _is_harmless_token)
    for name in ("id", "task", "cluster"):
        valid &= _matches(columns[name], identifiers.TOKEN_PATTERN)
    valid &= _matches(columns["sequence"], identifiers.SEQUENCE_PATTERN)
    for name in ("id", "task", "cluster", "sequence"):
        if columns[name].null_count < len(columns[name]):
            valid &= ~_true(pc.match_substring_regex(columns[name], identifiers.PERSONAL_NUMBER_PATTERN))
    return valid


def _is_harmless_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None and not identifiers.holds_personal_number(text)


def _is_harmless_source(text: str) -> bool:
    return _SOURCE.fullmatch(text) is not None and not identifiers.holds_personal_number(text)


def _is_harmless_task_type(text: str) -> bool:
    return identifiers.is_task_type(text) and not identifiers.holds_personal_number(text)


def _matches(column: pa.Array, pattern: str) -> Mask | np.bool_:
    """Whether each value matches; an absent one is fine."""
    if column.null_count == len(column):
        return np.True_
    matched = _true(pc.match_substring_regex(column, pattern))
    return matched if column.null_count == 0 else matched | ~_true(column.is_valid())


def _distinct(column: pa.Array, check: Callable[[str], bool]) -> Mask | np.bool_:
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
    spread: Mask = verdicts[codes.fill_null(0).to_numpy()] | ~_true(codes.is_valid())
    return spread


def _agreement(columns: dict[str, pa.Array], topic: pa.Array, key: pa.Array) -> Mask:
    """Whether subject, partition key, record key, topic and schema name say the same as the data."""
    task = columns["task"]
    schema = pc.binary_join_element_wise(schema_name(""), columns["type"], "")
    own_topic = pc.binary_join_element_wise(topics.TASKS_PREFIX, columns["authority"], "")
    return (
        _true(pc.equal(columns["subject"], task))
        & _true(pc.equal(columns["partitionkey"], task))
        & _true(pc.equal(key, task.cast(pa.binary())))
        & _true(pc.equal(own_topic, topic))
        & _true(pc.equal(columns["dataschema"], schema))
    )


def _consistency(columns: dict[str, pa.Array], times: dict[str, pa.Array]) -> Mask:
    """The rules between fields of `contracts.tasks.TaskState` and of the replacing events."""
    valid = _true(pc.greater_equal(times["completed_at"], times["started_at"]))
    first = _true(pc.equal(columns["type"], COMPLETED))
    if not first.all():
        valid &= first | _true(pc.greater_equal(columns["revision"], 2))
    has = {
        name: _present(columns[name])
        for name in ("arm", "assigned_at", "study", "stratum", "cluster", "cluster_kind", "predicted_at")
    }
    valid &= (has["arm"] == has["assigned_at"]) & (has["cluster"] == has["cluster_kind"])
    if np.any(has["arm"]):
        drawn_first = _true(pc.less_equal(times["assigned_at"], times["started_at"]))
        valid &= ~has["arm"] | (drawn_first & _true(pc.equal(columns["assignment"], "random")))
    valid &= ~has["stratum"] | has["study"]
    if np.any(has["cluster_kind"]):
        valid &= ~_true(pc.equal(columns["cluster_kind"], "worker")) | has["study"]
    predicted = _present(columns["predicted_without_ai_ms"]) | _present(columns["predicted_with_ai_ms"])
    return valid & (~predicted | has["predicted_at"])


def _present(column: pa.Array) -> Mask:
    if column.null_count == len(column):
        return np.zeros(len(column), dtype=np.bool_)
    return _true(column.is_valid())
