"""The query log: who asked what, when, and how long it took. Written in batches; never the data of an insert."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from services.embedded.endpoint.auditor import LOG_DATABASE
from services.embedded.endpoint.engine import Engine, Scope
from services.embedded.endpoint.errors import QueryError

_MAX_QUERY: Final = 2_000
_MAX_ENTRIES: Final = 50_000
_DDL: Final = (
    f"CREATE DATABASE IF NOT EXISTS {LOG_DATABASE}",
    f"""CREATE TABLE IF NOT EXISTS {LOG_DATABASE}.query_log (
        event_time DateTime64(3, 'UTC') COMMENT 'when the query ended',
        user LowCardinality(String) COMMENT 'empty: nobody who is known',
        query_id String,
        kind LowCardinality(String) COMMENT 'first word of the statement',
        duration_ms UInt32,
        rows_read UInt64,
        rows_written UInt64,
        exception_code Int32 COMMENT '0: it succeeded',
        query String COMMENT 'as the engine writes it; of an insert without its data, of a wrong statement empty'
    ) ENGINE = MergeTree ORDER BY event_time TTL toDateTime(event_time) + INTERVAL {{days}} DAY
    COMMENT 'Every query of the embedded endpoint.'""",
)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Entry:
    """One query."""

    user: str
    query_id: str
    kind: str
    duration_ms: int
    rows_read: int
    rows_written: int
    exception_code: int
    query: str


class QueryLog:
    """Collects entries and stores them from time to time. While they cannot be stored it keeps the newest."""

    def __init__(self, engine: Engine, days: int, on_lost: Callable[[int], None]) -> None:
        self._engine = engine
        self._on_lost = on_lost
        self._lines: list[str] = []
        with engine.connect() as connection:
            for statement in _DDL:
                connection.run(statement.replace("{days}", str(days)))
            connection.run(
                f"ALTER TABLE {LOG_DATABASE}.query_log MODIFY TTL toDateTime(event_time) + INTERVAL {days} DAY"
            )

    def add(self, entry: Entry) -> None:
        """Notes a query that has just ended."""
        noted = asdict(entry) | {"event_time": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]}
        noted["query"] = entry.query[:_MAX_QUERY]
        self._lines.append(json.dumps(noted))

    async def store_for_ever(self, pause_seconds: float) -> None:
        """Stores what was noted, again and again."""
        while True:
            await asyncio.sleep(pause_seconds)
            await asyncio.to_thread(self.store)

    def store(self) -> None:
        """Stores what was noted."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            with self._engine.connect(Scope(LOG_DATABASE, {}, {})) as connection:
                inserting = connection.insert("INSERT INTO query_log", "JSONEachRow")
                inserting.add("\n".join(lines).encode())
                inserting.finish()
        except QueryError as error:
            _log.warning("query log not stored", code=error.code, entries=len(lines))
            kept = (lines + self._lines)[-_MAX_ENTRIES:]
            self._on_lost(len(lines) + len(self._lines) - len(kept))
            self._lines = kept
