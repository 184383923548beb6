"""The collector's judging and its ClickHouse edge in this process, over a database of its own on the test's endpoint: for what
a broker would not do on demand, such as any order of delivery."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from clickhouse_connect.driver.client import Client
from prometheus_client import CollectorRegistry

from contracts.events import RegistryEvent
from contracts.reading import STRUCTURED_HEADERS, Record, read
from contracts.topics import BASELINES
from services.baselines.clickhouse import RegistryStore
from services.collector.assignment import Begin
from services.collector.clickhouse import ClickHouseStore
from services.collector.judge import judge
from services.collector.metrics import CollectorMetrics
from services.collector.partitions import Batch, partition_of
from services.collector.pipeline import Judged
from services.domain.columns import Snapshot
from services.domain.match import Registry
from services.domain.provenance import Provenance
from services.runtime.clickhouse import connect
from services.runtime.migrations import migrate
from services.runtime.settings import ClickHouseSettings
from tests.properties.restating import payload_of
from tests.reference.shapes import LogRecord

_log_no = attrgetter("log_no")
PROVENANCE = Provenance(b"s" * 32)
SENT_MS = 1_775_000_000_000
"""The broker's time of offset 0 of every log."""


def events_of(messages: Iterable[Mapping[str, Any]]) -> list[RegistryEvent]:
    """Messages of the registry's topic as events."""
    records = (
        Record(BASELINES, str(m["subject"]).encode(), STRUCTURED_HEADERS, json.dumps(m).encode()) for m in messages
    )
    return [read(record).event for record in records]  # type: ignore[misc]


def snapshot_of(messages: Iterable[Mapping[str, Any]]) -> Snapshot:
    """The registry that these events make, as the collector has it."""
    return Snapshot(Registry().apply(events_of(messages)))


def publish(client: Client, events: Iterable[RegistryEvent]) -> None:
    """Stores registry events as the registry does."""
    RegistryStore(client).insert([(event, payload_of(event)) for event in events])


def delivered(record: LogRecord) -> ConsumerRecord:
    """A record of the log as the client library hands it over."""
    sent = SENT_MS + record.offset
    return ConsumerRecord(
        record.topic,
        record.partition,
        record.offset,
        sent,
        0,
        record.key,
        record.value,
        None,
        0,
        0,
        tuple(record.headers),
    )


def judged(records: Sequence[LogRecord], snapshot: Snapshot) -> Judged:
    """The rows of these records, of one log, as one batch."""
    arrived = sorted(map(delivered, records), key=partition_of)
    places = [TopicPartition(*place) for place, _ in groupby(arrived, key=partition_of)]
    batch = Batch(arrived, dict.fromkeys(places, Begin(records[0].log_no, "", 0)), dict.fromkeys(places, 0), 1)
    return judge(batch, snapshot, PROVENANCE)


class Database:
    """A database with the schema, and the collector's store over it."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        for _ in migrate(settings):
            pass
        self.client: Client = connect(settings)
        self.store = ClickHouseStore(self.client, CollectorMetrics(CollectorRegistry()))

    def deliver(self, records: Sequence[LogRecord], snapshot: Snapshot, cuts: Iterable[int] = ()) -> None:
        """Stores the records in batches that end at `cuts`, each log's part of a batch by itself."""
        for first, last in pairwise([0, *sorted(cuts), len(records)]):
            for _, group in groupby(sorted(records[first:last], key=_log_no), key=_log_no):
                asyncio.run(self._write(judged(list(group), snapshot)))

    async def _write(self, found: Judged) -> None:
        await self.store.write_measurements(found.measurements)
        await self.store.write_records(found.records)

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return [tuple(row) for row in self.client.query(sql, parameters=parameters).result_rows]
