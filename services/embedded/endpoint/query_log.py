"""The query log: who asked what, when and how long it took. Written in batches; never the data of an insert."""

import asyncio
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from services.embedded.endpoint.engine import EngineSession
from services.embedded.endpoint.errors import QueryError

_MAX_QUERY = 2_000
_DDL = (
    "CREATE DATABASE IF NOT EXISTS frigjort_log",
    """CREATE TABLE IF NOT EXISTS frigjort_log.query_log (
        event_time DateTime64(3, 'UTC'), user LowCardinality(String), query_id String, kind LowCardinality(String),
        duration_ms UInt32, rows_read UInt64, rows_written UInt64, exception_code Int32, query String
    ) ENGINE = MergeTree ORDER BY event_time TTL toDateTime(event_time) + INTERVAL {days} DAY""",
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One query. `query` is in the engine's form, without comments and without data."""

    event_time: str
    user: str
    query_id: str
    kind: str
    duration_ms: int
    rows_read: int
    rows_written: int
    exception_code: int
    query: str


class QueryLog:
    """Collects entries and writes them every second through a session of its own."""

    def __init__(self, session: EngineSession, days: int) -> None:
        self._session = session
        self._entries: list[Entry] = []
        for statement in _DDL:
            session.run(statement.replace("{days}", str(days)))

    def add(self, entry: Entry) -> None:
        """Notes an entry; it is on disk within a second or two."""
        self._entries.append(entry)

    async def write_for_ever(self) -> None:
        """Writes what was noted, every second."""
        while True:
            await asyncio.sleep(1)
            await asyncio.to_thread(self.write)

    def write(self) -> None:
        """Writes what was noted."""
        entries, self._entries = self._entries, []
        if not entries:
            return
        rows = "\n".join(json.dumps(asdict(entry)) for entry in entries)
        try:
            self._session.run(f"INSERT INTO frigjort_log.query_log FORMAT JSONEachRow\n{rows}".encode())
        except QueryError:
            self._entries = entries + self._entries


def now_text() -> str:
    """The time of an entry."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def shortened(query: str) -> str:
    """A query as it is kept: an insert without values, a long one cut."""
    return query[:_MAX_QUERY]
