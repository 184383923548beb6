"""History on the real engine: a workload over many hours, judged by the collector's judge, with its registry, and sealed."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace

from aiokafka import TopicPartition

from contracts.reading import STRUCTURED_HEADERS, Record, read
from contracts.topics import BASELINES
from services.audit.seals.clickhouse import SealStore
from services.audit.seals.sealing import Copies, Sealer, Standing
from services.audit.seals.verifying import Verified, Verifier
from services.baselines.clickhouse import RegistryStore
from services.collector.assignment import Begin
from services.collector.judge import judge
from services.collector.partitions import Batch, partition_of
from services.collector.settled import NOTHING, Settlements
from services.domain.chain import HOUR_MS, Checkpoint
from tests.integration.delivering import PROVENANCE, Database, delivered, snapshot_of
from tests.reference import load_registry, workload
from tests.reference.shapes import LogRecord

AUTHORITIES = workload.authorities(2)
REGISTRY = load_registry.registry(AUTHORITIES)
FIRST_MS = 1_775_001_600_000
RECORDS_AN_HOUR = 20
LATE_MS = FIRST_MS + 10_000 * HOUR_MS


def log_of(count: int, seed: int) -> list[LogRecord]:
    """A log with everything that goes wrong, one partition a topic."""
    offsets = dict.fromkeys(map("frigjort.tasks.v1.{}".format, AUTHORITIES), 0)
    log = []
    for topic, key, value, headers in workload.messages(count, seed, AUTHORITIES):
        log.append(LogRecord(1, topic, 0, offsets[topic], key, value, headers))
        offsets[topic] += 1
    return log


def store(database: Database, log: Sequence[LogRecord], settle: bool = False, generation: int = len(REGISTRY)) -> None:
    """Stores records of one log number with broker times of many hours, measured under a generation: as a collector does that
    asks what is settled, or as one that asked too early."""
    records = sorted(map(delivered, log), key=partition_of)
    records = [replace(r, timestamp=FIRST_MS + r.offset * HOUR_MS // RECORDS_AN_HOUR) for r in records]
    places = {TopicPartition(record.topic, record.partition) for record in records}
    batch = Batch(records, dict.fromkeys(places, Begin(log[0].log_no, "", 0)), dict.fromkeys(places, 0), 1)

    async def write() -> None:
        settled = await Settlements(database.store, lambda: LATE_MS / 1000).settled(batch) if settle else NOTHING
        judged = judge(settled.open(batch), snapshot_of(REGISTRY[:generation]), PROVENANCE)
        await database.store.write_measurements(judged.measurements)
        await database.store.write_records(settled.cleared(judged.records))

    asyncio.run(write())


def publish(database: Database) -> None:
    """Stores the registry of the workload as its writer does, in one block."""
    payloads = [(str(message["subject"]).encode(), json.dumps(message).encode()) for message in REGISTRY]
    events = [(read(Record(BASELINES, key, STRUCTURED_HEADERS, payload)).event, payload) for key, payload in payloads]
    RegistryStore(database.client).insert(events)  # type: ignore[arg-type]


def seal(database: Database, now_ms: int = LATE_MS, copies: Sequence[Copies] = ()) -> list[Standing]:
    """What a sealer does who comes by at this time."""
    return Sealer(SealStore(database.client, page_rows=70), copies, lambda: now_ms).run()


def verified(database: Database, kept: Sequence[Checkpoint] = (), now_ms: int = LATE_MS) -> Verified:
    """What verifying finds."""
    return Verifier(SealStore(database.client, page_rows=70), kept, now_ms).run()
