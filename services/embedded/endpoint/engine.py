"""The only module that knows chDB: one engine in this process, and connections to it that each serve one request.

Opening and closing a connection costs a tenth of a millisecond, so no request sees what another one has set. Connections
work beside each other, without the interpreter's lock: a long read does not hold up an insert.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import chdb

from services.embedded.endpoint.connection import Connection, literal
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


def identifier(text: str) -> str:
    """`text` as a quoted name of ClickHouse's SQL."""
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"
