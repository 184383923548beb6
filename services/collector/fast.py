"""The fast way to read a batch: accepts only what it can show to be valid, and leaves the rest to the contract.

Soundness, held by property tests against `contracts.reading.read`: what is accepted here, the contract accepts with the
same values. What is not accepted here is not refused either: the contract judges it and alone gives verdicts. The checks
that msgspec does not make are made on whole columns, most of them in `checks`:

- duplicate keys: the number of `":` in a payload must be the number of fields found in it, and no quote may stand before
  a blank (pretty-printed events are left to the contract). No accepted string holds a quote, so each `":` ends a key;
- formats: the contract's own functions on the distinct values of a column, its own patterns on all values. Every string
  of the shape is checked by one of them, by a fixed list of values or by the pattern of timestamps;
- personal numbers: the contract's pattern on every string whose format leaves room for one.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from aiokafka import ConsumerRecord

from contracts.codes import Violation
from contracts.reading import MAX_BYTES, STRUCTURED_HEADERS, binary_attributes, structured_form
from services.collector.checks import (
    agreement,
    consistency,
    distinct,
    formats,
    is_harmless_token,
    timestamps,
    true_of,
)
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
from services.domain.arrays import Mask

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
        times = timestamps(columns)
        valid &= times.pop("valid")
        valid &= formats(columns) & agreement(columns, topic, key) & consistency(columns, times)
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
                sound &= distinct(column, is_harmless_token)
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
        present += true_of(column.is_valid())


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
