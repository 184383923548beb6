"""The only module that knows chDB: sessions over one data path, each used by one request at a time."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chdb import ChdbError
from chdb.session import Session

from services.embedded.endpoint.errors import QueryError


@dataclass(slots=True)
class EngineSession:
    """A session, the settings that were changed in it, and its current database."""

    _session: Session
    home: str
    _settings: dict[str, str] = field(default_factory=dict)
    _database: str = "default"

    def prepare(self, database: str, settings: dict[str, str]) -> None:
        """Makes the session as a new one with these settings: what an earlier request changed is taken back."""
        if database != self._database:
            self.run(f"USE `{database.replace('`', '')}`")
            self._database = database
        wanted = {name: value for name, value in settings.items() if self._settings.get(name) != value}
        gone = [name for name in self._settings if name not in settings]
        changes = [f"{name} = DEFAULT" for name in gone] + [f"{name} = {literal(v)}" for name, v in wanted.items()]
        for name in gone:
            del self._settings[name]
        for change in changes:
            self.run(f"SET {change}")
        self._settings.update(wanted)

    def run(
        self, sql: str | bytes, output_format: str = "TabSeparated", params: dict[str, str] | None = None
    ) -> "Answer":
        """The whole answer of a statement. Raises `QueryError`."""
        with _typed():
            result = self._session.query(sql, output_format, params=params)
            return Answer(result.bytes(), int(result.rows_read()), int(result.rows_written()))

    def insert(self, sql: str, input_format: str, data: bytes) -> "Answer":
        """An insert (`sql` without its format and data). Raises `QueryError`; then nothing of a single block is stored."""
        with _typed():
            inserter = self._session.send_insert(sql, input_format)
            try:
                inserter.append(data)
                written = inserter.finish()
            except BaseException:
                inserter.cancel()
                raise
            return Answer(b"", 0, int(written.rows_written))

    def stream(self, sql: str, output_format: str, params: dict[str, str] | None = None) -> Iterator[bytes]:
        """The answer block by block: memory stays bounded. Raises `QueryError`, also in the middle."""
        with _typed():
            result = self._session.send_query(sql, output_format, params=params)
        try:
            while True:
                with _typed():
                    block = result.fetch()
                if block is None:
                    return
                data = block.bytes()
                if not data:
                    return
                yield data
        finally:
            result.close()

    def close(self) -> None:
        """Ends the session."""
        self._session.close()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    body: bytes
    rows_read: int
    rows_written: int


@contextmanager
def _typed() -> Iterator[None]:
    try:
        yield
    except (ChdbError, RuntimeError) as error:
        raise QueryError.of_engine(str(error)) from None


def literal(text: str) -> str:
    """`text` as a string literal of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _open(path: Path) -> Session:
    return Session(str(path))


class Pool:
    """Sessions for one kind of user; a request takes one and gives it back."""

    def __init__(self, path: Path, count: int, database: str, *, readonly: bool) -> None:
        self._idle: queue.SimpleQueue[EngineSession] = queue.SimpleQueue()
        self._all = [EngineSession(_open(path), database) for _ in range(count)]
        for session in self._all:
            session.run(f"CREATE DATABASE IF NOT EXISTS `{database}`")
            session.prepare(database, {})
            if readonly:
                session.run("SET readonly = 2")
            self._idle.put(session)

    def take(self) -> EngineSession:
        """A session; waits for one."""
        return self._idle.get()

    def give_back(self, session: EngineSession) -> None:
        """The request is over."""
        self._idle.put(session)

    def close(self) -> None:
        """Ends all sessions, after the requests that use them."""
        for _ in self._all:
            self._idle.get().close()
