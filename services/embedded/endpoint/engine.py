"""The only module that knows chDB: one engine in this process, and connections to it that each serve one request.

Opening and closing a connection costs a tenth of a millisecond, so no request sees what another one has set. Connections
work beside each other, without the interpreter's lock: a long read does not hold up an insert.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

import chdb

from services.embedded.endpoint.errors import Code, QueryError

_native: Final[Any] = chdb._chdb  # noqa: SLF001 - its public wrappers lack `classify_query`
_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AS_A_SERVER: Final = {"implicit_select": "0", "allow_introspection_functions": "0"}
"""Where chDB's defaults are not those of a ClickHouse server."""
_MAX_BROTLI_BYTES: Final = 1024**3
_PARSED_BYTES: Final = 128 * 1024
"""Half of what the engine reads of a query unless `max_query_size` says more."""
_MAX_PARSED_BYTES: Final = 64 * 1024**2


class EngineUnavailable(OSError):
    """The engine does not open the data path: another process has it, or it cannot be read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer and what it took."""

    body: bytes
    rows_read: int
    bytes_read: int
    result_rows: int
    rows_written: int
    bytes_written: int


NOTHING: Final = Answer(b"", 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Classified:
    """What the engine's parser says of a text: how many statements; whether all of them only read."""

    statements: int
    only_reads: bool
    controls: bool
    has_secrets: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the engine's lexer: bytes `begin` to `end` of the text."""

    begin: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Scope:
    """What a connection is made for. `readonly` as in ClickHouse: 0 anything, 1 only reads and no settings, 2 only reads."""

    database: str
    settings: Mapping[str, str]
    params: Mapping[str, str]
    readonly: int = 0

    def statements(self) -> str:
        """The statements that make it so, in the order in which each is still allowed."""
        made = [f"USE {identifier(self.database)}"]
        for name, value in self.settings.items():
            if not _SETTING.fullmatch(name):
                raise QueryError.refused(Code.UNKNOWN_SETTING, f"Unknown setting '{name[:64]}'")
            made.append(f"SET {name} = {literal(value)}")
        for name, value in self.params.items():
            if not _PARAMETER.fullmatch(name):
                raise QueryError.refused(Code.BAD_ARGUMENTS, f"'{name[:64]}' is no name of a parameter")
            made.append(f"SET param_{name} = {literal(value)}")
        if self.readonly:
            made.append(f"SET readonly = {self.readonly}")
        return "; ".join(made)


class Inserting:
    """An insert whose data come in pieces. Nothing of its last block is stored before `finish`."""

    def __init__(self, connection: Any, statement: str, input_format: str) -> None:
        self._connection = connection
        with typed():
            self._insert = connection.send_insert(statement, input_format)
        self._open = True

    def add(self, data: bytes) -> None:
        """More data. Raises `QueryError`."""
        if data:
            with typed():
                self._connection.insert_append(self._insert, data)

    def finish(self) -> Answer:
        """Stores what is not stored yet. Raises `QueryError`, and then has stored nothing of the last block."""
        self._open = False
        with typed():
            done = self._connection.insert_done(self._insert)
        rows = int(done.rows_written())
        return Answer(b"", 0, 0, rows, rows, int(done.bytes_written()))

    def cancel(self) -> None:
        """Gives up; a connection that is closed with an open insert would store it."""
        if self._open:
            self._open = False
            with typed():
                self._connection.insert_cancel(self._insert)


class Connection:
    """A connection for one request, used by one thread at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str, output_format: str = "TabSeparated") -> Answer:
        """The whole answer of one statement; never with the data of an insert in it. Raises `QueryError`."""
        with typed():
            done = self._connection.query(sql, output_format)
        return Answer(
            body=done.bytes(),
            rows_read=int(done.storage_rows_read()),
            bytes_read=int(done.storage_bytes_read()),
            result_rows=int(done.rows_read()),
            rows_written=int(done.rows_written()),
            bytes_written=int(done.bytes_written()),
        )

    def insert(self, statement: str, input_format: str) -> Inserting:
        """Begins an insert; `statement` has neither format nor data. Raises `QueryError`."""
        return Inserting(self._connection, statement, input_format)

    def classify(self, sql: str) -> Classified:
        """What the text is, without running it."""
        found = self._connection.classify_query(sql)
        kind = found["query_class"].name
        return Classified(
            found["statement_count"], kind == "READ_ONLY", kind == "CONTROL", has_secrets=found["has_secrets"]
        )

    def tokens(self, sql: str) -> list[Token]:
        """The tokens of a text, with blanks and comments."""
        body = self.run(f"SELECT toJSONString(tokenizeQuery({literal(sql)}))", "TabSeparatedRaw").body
        return [Token(token["begin"], token["end"], token["type"]) for token in json.loads(body)]

    def tree(self, sql: str) -> dict[str, Any]:
        """The syntax tree of one statement. Raises `QueryError`: of BAD_ARGUMENTS for a kind that has none."""
        body = self.run(f"SELECT parseQueryToJSON({literal(sql)})", "TabSeparatedRaw").body
        tree: dict[str, Any] = json.loads(body)
        return tree

    def canonical(self, sql: str) -> str:
        """One statement in the engine's own writing, on one line, without comments. Raises `QueryError`."""
        body = self.run(f"SELECT formatQuerySingleLine({literal(sql)})", "TabSeparatedRaw").body
        return body.decode().removesuffix("\n")

    def shows_all(self, sql: str) -> bool:
        """Whether the syntax tree, written out again, is the statement: nothing of it is missing in the tree."""
        text = literal(sql)
        written = f"formatQueryFromJSON(parseQueryToJSON({text})) = formatQuerySingleLine({text})"
        return self.run(f"SELECT {written}", "TabSeparatedRaw").body == b"1\n"

    def close(self) -> None:
        """Ends it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Engine:
    """The engine over a data path; a process can have one. Raises `EngineUnavailable`."""

    def __init__(self, path: Path, memory_limit_bytes: int = 0) -> None:
        _native.set_signal_handlers_enabled(0)  # SIGTERM and SIGINT belong to the process
        path.mkdir(parents=True, exist_ok=True)
        limit = {"max_server_memory_usage": str(memory_limit_bytes)} if memory_limit_bytes else {}
        self._address = f"{path.resolve()}?{urlencode(_AS_A_SERVER | limit)}"
        try:
            self._anchor = _native.connect(self._address)  # while it is open the engine stays
        except RuntimeError as error:
            raise EngineUnavailable(
                f"the data path {path} is in use by another process, or unusable: {error}"
            ) from error

    def connect(self, scope: Scope | None = None) -> Connection:
        """A connection of its own. Raises `QueryError` for an unknown database or setting."""
        statements = scope.statements() if scope else ""
        connection = Connection(_native.connect(self._address))
        try:
            if scope is None or len(statements) > _PARSED_BYTES:  # long parameters; or a parser of other's statements
                connection.run(f"SET max_query_size = {_MAX_PARSED_BYTES}")
            if statements:
                connection.run(statements)
        except QueryError:
            connection.close()
            raise
        return connection

    @cached_property
    def timezone(self) -> str:
        """The time zone that DateTime columns without one are read in."""
        with self.connect() as connection:
            return connection.run("SELECT timezone()", "TabSeparatedRaw").body.decode().strip()

    @cached_property
    def content_types(self) -> dict[str, str]:
        """The content type of each output format."""
        with self.connect() as connection:
            body = connection.run("SELECT name, content_type FROM system.formats WHERE is_output", "JSONCompactEachRow")
        return dict(json.loads(line) for line in body.body.splitlines())

    def cancel(self, mark: str | None = None) -> None:
        """Ends the queries that carry this mark in their setting `log_comment`, or all; does not wait for their end."""
        which = "1" if mark is None else f"Settings['log_comment'] = {literal(mark)}"
        with self.connect() as connection:
            connection.run(f"KILL QUERY WHERE {which} ASYNC")

    def from_brotli(self, data: bytes) -> bytes:
        """The content of a brotli stream, which the engine can read and Python cannot. Raises `QueryError`."""
        held = os.memfd_create("frigjort-body")
        try:
            os.write(held, data)
            with self.connect(Scope("default", {"max_memory_usage": str(_MAX_BROTLI_BYTES)}, {})) as connection:
                source = f"file('/proc/self/fd/{held}', 'RawBLOB', 'body String', 'br')"
                return connection.run(f"SELECT body FROM {source}", "RawBLOB").body  # noqa: S608 - a number of ours
        finally:
            os.close(held)

    def close(self) -> None:
        """Ends it after its connections."""
        self._anchor.close()


@contextmanager
def typed() -> Iterator[None]:
    """The engine's errors as `QueryError`."""
    try:
        yield
    except RuntimeError as error:
        raise QueryError.of_engine(str(error)) from None


def literal(text: str) -> str:
    """`text` as a string literal of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(text: str) -> str:
    """`text` as a quoted name of ClickHouse's SQL."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"
