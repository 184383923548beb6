"""The collector's edge to ClickHouse: two inserts a batch, one block each, and what it must know at an assignment."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from aiokafka import TopicPartition
from clickhouse_connect.driver.client import Client

from contracts import RULES
from services.collector.assignment import Binding
from services.collector.brake import Recent, Rejections
from services.collector.metrics import CollectorMetrics
from services.collector.settled import Reach
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_BINDINGS = """
SELECT topic, log_no, groupUniqArray(topic_id) FROM logs WHERE topic IN {topics:Array(String)}
GROUP BY topic, log_no ORDER BY topic, log_no DESC LIMIT 1 BY topic
"""
_REACHED = """
SELECT topic, partition, max(offset), maxIf(offset + 1, accepted = 1) FROM records
WHERE (log_no, topic) IN {logs:Array(Tuple(UInt32, String))}
GROUP BY topic, partition
"""
_PROOFS = """
SELECT topic, partition, digest, salt FROM provenance
WHERE (log_no, topic, partition, offset) IN {coordinates:Array(Tuple(UInt32, String, UInt16, UInt64))}
"""
_REJECTED = """
SELECT offset, argMax(code, rules), argMax(path, rules) FROM records
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16}
    AND offset >= {first:UInt64} AND offset < {before:UInt64}
GROUP BY offset HAVING max(accepted) = 0 AND max(rules) >= {rules:UInt32} ORDER BY offset
"""
_SEALED = """
SELECT topic, partition, toInt64(max(last_offset)) FROM seals
WHERE (log_no, topic, partition) IN {places:Array(Tuple(UInt32, String, UInt16))} GROUP BY topic, partition
"""
_SETTLED = """
SELECT topic, partition, offset, argMax(code, rules), argMax(path, rules) FROM records WHERE {reaches}
GROUP BY topic, partition, offset HAVING max(accepted) = 0 ORDER BY topic, partition, offset
"""
_ERASED = """
SELECT DISTINCT topic, partition, offset FROM erasures WHERE {reaches}
"""
_STORED_FROM = """
SELECT if(count() = 0, -1, toInt64(max(offset))) FROM records
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16} AND offset >= {before:UInt64}
"""


@dataclass(frozen=True, slots=True)
class Reached:
    """The highest stored offset of a partition, and the highest whose record was accepted."""

    last: int
    last_accepted: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What an accepted record is proved by."""

    digest: bytes
    salt: bytes


@dataclass(frozen=True, slots=True)
class ClickHouseStore:
    """`Store` over one synchronous client in worker threads, so that the event loop stays free."""

    client: Client
    metrics: CollectorMetrics

    async def write_records(self, rows: pa.Table) -> None:
        """Rows of table `records`."""
        await self._insert("records", rows)

    async def write_measurements(self, rows: pa.Table) -> None:
        """Rows of table `measurements`."""
        await self._insert("measurements", rows)

    async def _insert(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            return
        with self.metrics.insert_seconds.labels(table).time(), translated():
            await asyncio.to_thread(self.client.insert_arrow, table, rows, settings=INSERT_SETTINGS)
        self.metrics.last_insert.set_to_current_time()

    async def bindings(self, topics: Iterable[str]) -> dict[str, Binding]:
        """The newest log number of each topic that has one."""
        rows = await self._rows(_BINDINGS, topics=sorted(topics))
        return {topic: Binding(log_no, tuple(sorted(ids))) for topic, log_no, ids in rows}

    async def reached(self, logs: Iterable[tuple[int, str]]) -> dict[TopicPartition, Reached]:
        """How far each partition of these (log_no, topic) is stored, without those of which nothing is."""
        rows = await self._rows(_REACHED, logs=sorted(logs))
        return {
            TopicPartition(topic, number): Reached(last, after - 1 if after else None)
            for topic, number, last, after in rows
        }

    async def proofs(self, coordinates: Iterable[tuple[int, str, int, int]]) -> dict[TopicPartition, Proof]:
        """What the accepted records at these (log_no, topic, partition, offset), one a partition, are proved by."""
        rows = await self._rows(_PROOFS, coordinates=sorted(coordinates))
        return {TopicPartition(topic, number): Proof(digest, salt) for topic, number, digest, salt in rows}

    async def recent(self, log_no: int, partition: TopicPartition, before: int, reach: int) -> Recent:
        """`History` of the brake."""
        place = {"log_no": log_no, "topic": partition.topic, "partition": partition.partition, "before": before}
        rejected = await self._rows(_REJECTED, **place, first=max(0, before - reach), rules=RULES)
        ((stored,),) = await self._rows(_STORED_FROM, **place)
        offsets = np.array([offset for offset, _, _ in rejected], dtype=np.int64)
        return Recent(Rejections(offsets, [(code, path) for _, code, path in rejected]), stored)

    async def sealed(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, int]:
        """`History` of what is settled."""
        places = sorted((reach.log_no, *partition) for partition, reach in reaches.items())
        return {TopicPartition(topic, number): last for topic, number, last in await self._rows(_SEALED, places=places)}

    async def rejected(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, Rejections]:
        """`History` of what is settled."""
        where, parameters = _within(reaches)
        found: dict[TopicPartition, list[tuple[int, str, str]]] = {}
        for topic, number, *rejection in await self._rows(_SETTLED.replace("{reaches}", where), **parameters):
            found.setdefault(TopicPartition(topic, number), []).append(tuple(rejection))
        return {
            partition: Rejections(
                np.array([offset for offset, _, _ in rejections], dtype=np.int64),
                [(code, path) for _, code, path in rejections],
            )
            for partition, rejections in found.items()
        }

    async def erased(self, reaches: Mapping[TopicPartition, Reach]) -> dict[TopicPartition, frozenset[int]]:
        """`History` of what is settled."""
        where, parameters = _within(reaches)
        found: dict[TopicPartition, set[int]] = {}
        for topic, number, offset in await self._rows(_ERASED.replace("{reaches}", where), **parameters):
            found.setdefault(TopicPartition(topic, number), set()).add(offset)
        return {partition: frozenset(offsets) for partition, offsets in found.items()}

    async def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        query = partial(
            self.client.query, sql, parameters=parameters, column_formats={"digest": "bytes", "salt": "bytes"}
        )
        with translated():
            return list(map(tuple, (await asyncio.to_thread(query)).result_rows))


def _within(reaches: Mapping[TopicPartition, Reach]) -> tuple[str, dict[str, object]]:
    """The condition that a row is of one of these records, and its parameters. Each reach is a range of the primary key."""
    conditions: list[str] = []
    parameters: dict[str, object] = {}
    for at, ((topic, number), reach) in enumerate(sorted(reaches.items())):
        parameters[f"topic{at}"] = topic
        conditions.append(
            f"(log_no = {reach.log_no} AND topic = {{topic{at}:String}} AND partition = {number} "
            f"AND offset BETWEEN {reach.first} AND {reach.last})"
        )
    return " OR ".join(conditions) or "0", parameters
