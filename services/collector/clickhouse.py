"""The collector's edge to ClickHouse: two inserts a batch, one block each, and what it must know at an assignment."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from services.collector.assignment import Binding
from services.collector.metrics import CollectorMetrics
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_BINDINGS = """
SELECT topic, log_no, groupUniqArray(topic_id) FROM logs WHERE topic IN {topics:Array(String)}
GROUP BY topic, log_no ORDER BY topic, log_no DESC LIMIT 1 BY topic
"""
_REACHED = """
SELECT topic, partition, max(offset), maxIf(offset + 1, accepted = 1) FROM records WHERE (log_no, topic) IN {logs:Array(Tuple(UInt32, String))}
GROUP BY topic, partition
"""
_PROOF = """
SELECT digest, salt FROM provenance
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16} AND offset = {offset:UInt64}
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

    async def reached(self, logs: Iterable[tuple[int, str]]) -> dict[tuple[str, int], Reached]:
        """How far each (topic, partition) of these (log_no, topic) is stored."""
        rows = await self._rows(_REACHED, logs=sorted(logs))
        return {
            (topic, partition): Reached(last, (after - 1) if after else None) for topic, partition, last, after in rows
        }

    async def proof(self, log_no: int, topic: str, partition: int, offset: int) -> Proof:
        """What the accepted record at this coordinate is proved by."""
        ((digest, salt),) = await self._rows(_PROOF, log_no=log_no, topic=topic, partition=partition, offset=offset)
        return Proof(digest, salt)

    async def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        query = partial(
            self.client.query, sql, parameters=parameters, column_formats={"digest": "bytes", "salt": "bytes"}
        )
        with translated():
            return list(map(tuple, (await asyncio.to_thread(query)).result_rows))
