"""A connection to the engine, for one request: statements, inserts, and what the engine's parser says of a text."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from services.embedded.endpoint.errors import QueryError


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
        """Whether the syntax tree, written out again, is the statement: nothing of it is missing in the tree. Parentheses
        are not compared: the tree has the order that they give, and not those around a whole condition."""
        text = literal(sql)
        both = (f"formatQueryFromJSON(parseQueryToJSON({text}))", f"formatQuerySingleLine({text})")
        shown, written = (f"translate({one}, '()', '  ')" for one in both)
        same = f"replaceAll({shown}, ' ', '') = replaceAll({written}, ' ', '')"
        return self.run(f"SELECT {same}", "TabSeparatedRaw").body == b"1\n"

    def close(self) -> None:
        """Ends it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


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
