"""ClickHouse as the collector needs it, in memory: tables that keep the row of the highest version under each key."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from services.collector.assignment import Binding
from services.collector.clickhouse import Disposition

Row = dict[str, Any]
Key = tuple[Any, ...]
_COORDINATE = ("log_no", "topic", "partition", "offset")


class VersionError(AssertionError):
    """Two rows of one version with different contents: which one stays would be chance."""


@dataclass
class KeepingTable:
    """A ReplacingMergeTree read with FINAL. `version` orders rows of one key; equal versions must be equal rows."""

    key: tuple[str, ...]
    version: Any
    rows: dict[Key, Row] = field(default_factory=dict)

    def insert(self, rows: Iterable[Row]) -> None:
        """Stores rows. Raises `VersionError`."""
        for row in rows:
            key = tuple(row[name] for name in self.key)
            before = self.rows.get(key)
            if before is not None and self.version(before) == self.version(row) and before != row:
                raise VersionError(f"{before}\n{row}")
            if before is None or self.version(before) < self.version(row):
                self.rows[key] = row


def _of_record(row: Row) -> Key:
    return row["accepted"], row["rules"]


def _of_measurement(row: Row) -> Key:
    place = (-row["log_no"], -row["partition"], -row["offset"])
    return (row["revision"], row["kind"], *place, row["rules"], row["generation"])


class FakeStore:
    """`Store` of the path and what an assignment asks. Never away."""

    def __init__(self) -> None:
        self.records = KeepingTable((*_COORDINATE, "digest"), _of_record)
        self.measurements = KeepingTable(("authority", "task"), _of_measurement)
        self.logs: set[tuple[str, int, str]] = set()

    def bind(self, topic: str, log_no: int, topic_id: str) -> None:
        """Gives the incarnation of a topic a number."""
        self.logs.add((topic, log_no, topic_id))

    async def write_records(self, rows: pa.Table) -> None:
        """Rows of table `records`."""
        self.records.insert(rows.to_pylist())

    async def write_measurements(self, rows: pa.Table) -> None:
        """Rows of table `measurements`."""
        self.measurements.insert(rows.to_pylist())

    async def bindings(self, topics: Iterable[str]) -> dict[str, Binding]:
        """The newest log number of each topic that has one."""
        found: dict[str, Binding] = {}
        for topic in topics:
            newest = max((log_no for name, log_no, _ in self.logs if name == topic), default=None)
            if newest is not None:
                ids = sorted(i for name, log_no, i in self.logs if (name, log_no) == (topic, newest))
                found[topic] = Binding(newest, tuple(ids))
        return found

    async def last_offsets(self, logs: Iterable[tuple[int, str]]) -> dict[tuple[str, int], int]:
        """The highest stored offset of each (topic, partition) of these (log_no, topic)."""
        asked = set(logs)
        found: dict[tuple[str, int], int] = {}
        for log_no, topic, partition, offset, _ in self.records.rows:
            if (log_no, topic) in asked:
                found[topic, partition] = max(offset, found.get((topic, partition), 0))
        return found

    async def disposition(self, log_no: int, topic: str, partition: int, offset: int) -> Disposition:
        """How the stored record at this coordinate was judged."""
        row = self.dispositions()[log_no, topic, partition, offset]
        return Disposition(bool(row["accepted"]), row["digest"], row["salt"])

    def dispositions(self) -> dict[Key, Row]:
        """The winner of each coordinate: accepted beats rejected, then higher rules, then the lower digest."""
        found: dict[Key, Row] = {}
        for key, row in sorted(self.records.rows.items(), key=lambda item: item[0][-1]):
            before = found.get(key[:-1])
            if before is None or _of_record(before) < _of_record(row):
                found[key[:-1]] = row
        return found
