"""The peers, as processes: `python -m tests.bench.peers KIND BOOTSTRAP URL PASSWORD TOPIC,…`."""

import asyncio
import sys
from time import monotonic
from typing import Any

import clickhouse_connect
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker

from services.cli.demo.case_systems import baselines
from tests.bench.model import COLUMNS, Event, row

_ROWS = 20_000
_SECONDS = 0.25


class Buffer:
    """Rows that wait for an insert: by number or by age, whichever comes first."""

    def __init__(self, url: str, password: str) -> None:
        self._client = clickhouse_connect.get_client(
            dsn=url, username="frigjort_writer", password=password, database="frigjort", autogenerate_session_id=False,
            compress=False,
        )  # fmt: skip
        self._rows: list[list[Any]] = []
        self._means = {(b["task_type"], b["complexity"]): int(b["mean_ms"]) for b in baselines()}
        self._since = monotonic()

    def add(self, event: Event) -> None:
        self._rows.append(row(event, self._means))

    async def flush(self, *, if_due: bool) -> None:
        due = len(self._rows) >= _ROWS or monotonic() - self._since >= _SECONDS
        if not self._rows or (if_due and not due):
            return
        rows, self._rows = self._rows, []
        self._since = monotonic()
        await asyncio.to_thread(
            self._client.insert,
            "measurements",
            rows,
            column_names=COLUMNS,
            settings={"async_insert": 0, "wait_end_of_query": 1},
        )

    async def flush_by_age(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            await self.flush(if_due=True)


async def run_faststream(kind: str, bootstrap: str, buffer: Buffer, topics: list[str]) -> None:
    """One message at a time, or batches of models."""
    broker = KafkaBroker(bootstrap, logger=None)
    options: dict[str, Any] = {
        "group_id": f"peer-{kind}",
        "auto_offset_reset": "earliest",
        "session_timeout_ms": 20_000,
    }

    if kind == "naive":

        @broker.subscriber(*topics, ack_policy=AckPolicy.ACK, **options)  # type: ignore[untyped-decorator]
        async def one(event: Event) -> None:
            buffer.add(event)
            await buffer.flush(if_due=True)

    else:

        @broker.subscriber(  # type: ignore[untyped-decorator]
            *topics, batch=True, max_records=_ROWS, batch_timeout_ms=50, ack_policy=AckPolicy.ACK, **options
        )
        async def many(events: list[Event]) -> None:
            for event in events:
                buffer.add(event)
            await buffer.flush(if_due=True)

    async def ready() -> None:
        print('{"ready": true}', flush=True)
        tasks.append(asyncio.create_task(buffer.flush_by_age()))

    tasks: list[asyncio.Task[None]] = []
    await FastStream(broker, logger=None, after_startup=[ready]).run()


async def run_bare(bootstrap: str, topics: list[str], count: int) -> None:
    """`getmany` that throws everything away; says when it has seen `count` records."""
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=bootstrap, group_id="peer-bare", auto_offset_reset="earliest", enable_auto_commit=False,
        session_timeout_ms=20_000, fetch_max_bytes=16 * 1024 * 1024, max_partition_fetch_bytes=8 * 1024 * 1024,
    )  # fmt: skip
    await consumer.start()
    print('{"ready": true}', flush=True)
    seen = 0
    while seen < count:
        found = await consumer.getmany(timeout_ms=50, max_records=_ROWS)
        seen += sum(map(len, found.values()))
    print("done", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Runs until it is ended."""
    kind, bootstrap, url, password, names, count = sys.argv[1:7]
    topics = names.split(",")
    if kind == "bare":
        asyncio.run(run_bare(bootstrap, topics, int(count)))
    else:
        asyncio.run(run_faststream(kind, bootstrap, Buffer(url, password), topics))


main()
