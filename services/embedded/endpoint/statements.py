"""What a statement is, and what the auditor may do: decided on the engine's own parse, never on the text.

`formatQuery` parses one statement (several are an error) and writes it in one form. For the auditor the syntax tree is
walked: the kind of statement, every table, every table function and every function must be
allowed. What is not known is refused.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.embedded.endpoint.engine import EngineSession, literal
from services.embedded.endpoint.errors import ACCESS_DENIED, READONLY, UNSUPPORTED_PARAMETER, QueryError

_READING: Final = ("SelectWithUnionQuery", "ShowTables", "DescribeQuery", "ExistsTableQuery", "Explain", "ShowColumns")
_TABLE_FUNCTIONS: Final = frozenset({"numbers", "zeros", "values", "generateseries", "generate_series", "null"})
_REFUSED_FUNCTIONS: Final = re.compile(
    r"file|filesystem.*|dict.*|joinget.*|sleep.*|catboost.*|executable.*|getmacro|getosk.*|demangle|addressto.*|hdfs.*"
    r"|url|s3.*|remote.*|cluster.*|mysql|postgresql|mongodb|redis|sqlite|odbc|jdbc|python|input|in?finitely.*",
    re.IGNORECASE,
)
_SYSTEM_TABLES: Final = frozenset(
    {"one", "numbers", "tables", "columns", "databases", "settings", "functions", "formats", "data_type_families",
     "build_options", "contributors", "time_zones"}
)  # fmt: skip
AUDITOR_SETTINGS: Final = re.compile(
    r"max_(?:threads|block_size|result_rows|result_bytes|execution_time|rows_to_read|memory_usage)|output_format_\w+"
    r"|date_time_output_format|result_overflow_mode|readonly|session_timezone|cancel_http_readonly_queries_on_client_close"
    r"|join_use_nulls|final|use_query_cache|cast_keep_nullable"
)
_LINE: Final = re.compile(r"^( *)(\S+)(?: (.*?))?(?: \(children \d+\))?$")


@dataclass(frozen=True, slots=True)
class Statement:
    """One parsed statement: `text` as it came, `sql` in the engine's form, `kind` its first word, `output_format` the one
    it names. The text is what runs: writing a statement anew can change what it means (IN with a parameter)."""

    text: str
    sql: str
    kind: str
    output_format: str

    @property
    def streams(self) -> bool:
        """Whether the engine can give its rows block by block."""
        return self.kind in {"SELECT", "WITH"}

    @property
    def without_format(self) -> str:
        """An insert's statement without the format of its data."""
        return _FORMAT.sub("", self.sql)


_FORMAT: Final = re.compile(r"\bFORMAT (\w+)(?: SETTINGS .*)?$", re.DOTALL)


class Parser:
    """Parses with a session of its own engine."""

    def __init__(self, session: EngineSession) -> None:
        self._session = session
        self.parse = lru_cache(maxsize=512)(self._parse)

    def _parse(self, text: str) -> Statement:
        """One statement without its data. Raises `QueryError` for none, several or a wrong one."""
        answer = self._session.run(f"SELECT formatQuerySingleLine({literal(text)})", "TSVRaw")
        sql = answer.body.decode().rstrip("\n")
        named = _FORMAT.search(sql)
        return Statement(text, sql, sql.split(maxsplit=1)[0].upper(), named.group(1) if named else "")


def refuse_unless_reading(session: EngineSession, statement: Statement, params: dict[str, str], database: str) -> None:
    """Raises `QueryError` unless the auditor may run the statement."""
    if re.search(r"\{\s*\w+\s*:\s*Identifier\s*\}", statement.sql):
        raise _denied("parameters that name tables or columns")
    tree = session.run("EXPLAIN AST " + statement.text, "TSVRaw", params).body.decode().splitlines()
    nodes = [(len(found[1]), found[2], found[3] or "") for line in tree if (found := _LINE.match(line))]
    if not nodes or nodes[0][1] not in _READING:
        raise QueryError.denied(READONLY, "READONLY", "the auditor may read and nothing else")
    if nodes[0][1] == "SelectWithUnionQuery" and any(d == 1 and kind == "Literal" for d, kind, _ in nodes):
        raise _denied("INTO OUTFILE")
    parent: dict[int, str] = {}
    for depth, kind, name in nodes:
        above = parent.get(depth - 1, "")
        parent[depth] = kind
        _refuse_node(kind, name.split()[0] if name else "", above, database)


def _refuse_node(kind: str, name: str, above: str, database: str) -> None:
    if kind == "Function" and above == "TableExpression" and name.lower() not in _TABLE_FUNCTIONS:
        raise _denied(f"table function {name}")
    if kind == "Function" and _REFUSED_FUNCTIONS.fullmatch(name):
        raise _denied(f"function {name}")
    if kind == "TableIdentifier":
        where, _, table = name.rpartition(".")
        allowed = where in {"", database, "frigjort_log"} or (where == "system" and table in _SYSTEM_TABLES)
        if not allowed:
            raise _denied(f"table {name}")
    if kind in {"Set", "SetQuery"} and above not in {"SelectQuery", "SelectWithUnionQuery", "Explain"}:
        raise QueryError.denied(READONLY, "READONLY", "the auditor may not change settings")
    if kind.startswith(("Insert", "Create", "Drop", "Alter", "System", "Kill", "Use", "Rename", "Grant", "Optimize")):
        raise QueryError.denied(READONLY, "READONLY", "the auditor may read and nothing else")


def _denied(what: str) -> QueryError:
    return QueryError.denied(ACCESS_DENIED, "ACCESS_DENIED", f"the auditor may not use {what}")


def refuse_settings(settings: dict[str, str]) -> None:
    """Raises `QueryError` for a setting that the auditor may not change."""
    for name in settings:
        if not AUDITOR_SETTINGS.fullmatch(name):
            raise _denied(f"setting {name}")


def refuse_session_statements(statement: Statement) -> None:
    """Raises `QueryError` for what would outlive the request: there are no sessions here."""
    if statement.kind in {"USE", "SET"}:
        raise QueryError.denied(
            UNSUPPORTED_PARAMETER, "NOT_IMPLEMENTED", f"{statement.kind} needs a session; use URL parameters"
        )
