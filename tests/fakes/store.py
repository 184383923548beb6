"""ClickHouse as the collector needs it, in memory: tables that keep the row of the highest version under each key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from aiokafka import TopicPartition

from contracts import RULES
from services.collector.assignment import Binding
from services.collector.brake import Recent, Rejections
from services.collector.clickhouse import Proof, Reached
from services.collector.settled import Reach

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
        self.seals: dict[tuple[int, str, int], int] = {}
        self.erasures: set[Key] = set()

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

    async def reached(self, logs: Iterable[tuple[int, str]]) -> dict[TopicPartition, Reached]:
        """How far each partition of these (log_no, topic) is stored, without those of which nothing is."""
        asked = set(logs)
        found: dict[TopicPartition, Reached] = {}
        for (log_no, topic, number, offset, _), row in sorted(self.records.rows.items(), key=lambda item: item[0][3]):
            if (log_no, topic) in asked:
                partition = TopicPartition(topic, number)
                before = found[partition].last_accepted if partition in found else None
                found[partition] = Reached(offset, offset if row["accepted"] else before)
        return found

    async def proofs(self, coordinates: Iterable[tuple[int, str, int, int]]) -> dict[TopicPartition, Proof]:
        """What the accepted records at these coordinates, one a partition, are proved by."""
        stored = self.dispositions()
        rows = [stored[place] for place in coordinates if place in stored]
        return {TopicPartition(row["topic"], row["partition"]): Proof(row["digest"], row["salt"]) for row in rows}

    async def recent(self, log_no: int, partition: TopicPartition, before: int, reach: int) -> Recent:
        """`History` of the brake."""
        rows = {place[-1]: row for place, row in self.dispositions().items() if place[:-1] == (log_no, *partition)}
        rejected = [
            (offset, row["code"], row["path"])
            for offset, row in sorted(rows.items())
            if before - reach <= offset < before and not row["accepted"] and row["rules"] >= RULES
        ]
        return Recent(
            Rejections(
                np.array([offset for offset, _, _ in rejected], dtype=np.int64),
                [(code, path) for _, code, path in rejected],
            ),
            max((offset for offset in rows if offset >= before), default=-1),
        )

    async def sealed(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, int]:
        """`History` of what is settled."""
        known = {partition: self.seals.get((reach.log_no, *partition)) for partition, reach in reaches.items()}
        return {partition: offset for partition, offset in known.items() if offset is not None}

    async def rejected(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, Rejections]:
        """`History` of what is settled."""
        found: dict[TopicPartition, Rejections] = {}
        for partition, reach in reaches.items():
            rows = [
                row
                for place, row in sorted(self.dispositions().items())
                if place[:-1] == (reach.log_no, *partition)
                and reach.first <= place[-1] <= reach.last
                and not row["accepted"]
            ]
            if rows:
                offsets = np.array([row["offset"] for row in rows], dtype=np.int64)
                found[partition] = Rejections(offsets, [(row["code"], row["path"]) for row in rows])
        return found

    async def erased(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, frozenset[int]]:
        """`History` of what is settled."""
        found: dict[TopicPartition, set[int]] = {}
        for log_no, topic, number, offset in self.erasures:
            reach = reaches.get(TopicPartition(topic, number))
            if reach is not None and reach.log_no == log_no and reach.first <= offset <= reach.last:
                found.setdefault(TopicPartition(topic, number), set()).add(offset)
        return {partition: frozenset(offsets) for partition, offsets in found.items()}

    def seal(self, log_no: int, partition: TopicPartition, offset: int) -> None:
        """A sealer has come to this offset."""
        self.seals[log_no, *partition] = offset

    def erase(self, place: Key) -> None:
        """The payload and the salt of a record are gone."""
        self.erasures.add(place)
        for key, row in self.records.rows.items():
            if key[:-1] == place:
                row |= {"payload": b"", "salt": b""}

    def dispositions(self) -> dict[Key, Row]:
        """The winner of each coordinate: accepted beats rejected, then higher rules, then the lower digest."""
        found: dict[Key, Row] = {}
        for key, row in sorted(self.records.rows.items(), key=lambda item: item[0][-1]):
            before = found.get(key[:-1])
            if before is None or _of_record(before) < _of_record(row):
                found[key[:-1]] = row
        return found
