"""What the auditor may run: decided on the syntax tree of the engine's own parser, before anything of it runs.

Three walls, each of which would do for most attacks: the tree holds nothing but what `allowed` lists; the tree, written out
again, is the statement, so that the tree hides nothing; and the statement runs with `readonly = 1`, where the engine itself
refuses writes, table functions that read files or other hosts, and any other setting.

Of the figures' database he reads the views. What they read is not judged, for it does not stand in his statement; a table
that he names himself is refused, wherever in the statement and whatever else has its name there.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from services.embedded.endpoint import allowed
from services.embedded.endpoint.connection import Connection, literal
from services.embedded.endpoint.engine import Engine
from services.embedded.endpoint.errors import Code, QueryError
from services.embedded.endpoint.settings import EndpointSettings
from services.embedded.endpoint.statements import REMEMBERED, Statement

LOG_DATABASE: Final = "frigjort_log"
_ONLY: Final = "run this: only SELECT, SHOW TABLES and COLUMNS, DESCRIBE, EXISTS, SHOW CREATE and EXPLAIN"
_SETTING_KEYS: Final = frozenset({"type", "changes", "is_standalone"})


@dataclass(slots=True)
class Permitted:
    """A statement that the auditor may run: the settings that it names itself, the tables, the views that it calls with
    parameters, and what it gives other names, which may be tables too: `WITH records AS r SELECT 1 IN r` reads one."""

    settings: dict[str, str] = field(default_factory=dict)
    tables: set[tuple[str, ...]] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    renamed: set[tuple[str, ...]] = field(default_factory=set)

    @property
    def readonly(self) -> int:
        """1; but 2 for a client that only asks which settings it may change: the answer depends on it."""
        return 2 if self.tables == {("system", "settings")} else 1


class Auditor:
    """Judges the auditor's statements, settings and databases."""

    def __init__(self, engine: Engine, settings: EndpointSettings) -> None:
        self._engine = engine
        self._home = settings.database
        self._limits = {
            "max_execution_time": settings.auditor_query_seconds,
            "max_memory_usage": settings.auditor_query_memory_bytes,
        }
        with engine.connect() as connection:
            self._functions, self._refused = _functions(connection)
            self._combinators = _combinators(connection)
        self._known = lru_cache(maxsize=512)(self._judge)

    def permit(self, statement: Statement) -> Permitted:
        """The statement, permitted. Raises `QueryError`: ACCESS_DENIED, or READONLY for what would change something."""
        if not statement.only_reads:
            raise QueryError.refused(Code.READONLY, "The auditor may read and nothing else")
        try:
            permitted = self._known(statement) if len(statement.text) <= REMEMBERED else self._judge(statement)
        except RecursionError:
            raise _denied("run a statement as deeply nested as this") from None
        self._refuse_base_tables(permitted)
        self._refuse_other_calls(permitted)
        return permitted

    def settings(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """The settings of a request with the auditor's limits. Raises `QueryError` for one that he may not change."""
        settings = {name: str(limit) for name, limit in self._limits.items()}
        for name, value in wanted.items():
            limit = self._limits.get(name) or allowed.LIMITED_SETTINGS.get(name)
            lowered = limit is not None and value.isascii() and value.isdecimal() and 0 < int(value) <= limit
            if not (lowered or allowed.SETTINGS.fullmatch(name) or (name == "readonly" and value in {"1", "2"})):
                raise _denied(f"change the setting {name[:64]}" + (f" to more than {limit}" if limit else ""))
            if name != "readonly":  # it is, and is set last
                settings[name] = value
        return settings

    def database(self, wanted: str) -> str:
        """The current database of a request; the home of the figures for the server's default one."""
        if wanted in {"default", ""}:
            return self._home
        if wanted not in {self._home, LOG_DATABASE}:
            raise _denied(f"use the database {wanted[:64]}")
        return wanted

    def _judge(self, statement: Statement) -> Permitted:
        with self._engine.connect() as connection:
            text = statement.text if statement.tree is not None else _reading_its_target(statement)
            tree = statement.tree or connection.tree(text)
            if not connection.shows_all(text):
                raise _denied("run a statement that its syntax tree does not show in full")
        if tree["type"] not in allowed.ROOTS:
            raise _denied(_ONLY)
        permitted = Permitted()
        for key, node in _nodes(tree, ""):
            self._node(key, node, permitted)
        return permitted

    def _refuse_base_tables(self, permitted: Permitted) -> None:
        """Not remembered with the judgement, since a table may be made later. A name without a database is refused even
        where WITH or AS gives it another meaning: whether it does in that place only the engine knows."""
        named = {
            parts[-1]
            for parts in permitted.tables | permitted.renamed
            if len(parts) == 1 or (len(parts) == 2 and parts[0] == self._home)
        }
        refused = named and named & self._base_tables()
        if refused:
            raise _denied(f"read the table {min(refused)[:64]}: views alone are for the auditor")

    def _base_tables(self) -> set[str]:
        """What there is beside plain views: tables, materialized views, dictionaries."""
        return self._names_at_home("engine != 'View'")

    def _refuse_other_calls(self, permitted: Permitted) -> None:
        """A view with parameters is called as a table function is. Not remembered, since a view may be made later."""
        if permitted.called:
            views = self._names_at_home("engine = 'View' AND notEmpty(parameterized_view_parameters)")
            if refused := permitted.called - views - {f"{self._home}.{view}" for view in views}:
                raise _denied(f"use the table function {min(refused)[:64]}")

    def _names_at_home(self, condition: str) -> set[str]:
        sql = f"SELECT name FROM system.tables WHERE database = {literal(self._home)} AND {condition}"  # noqa: S608
        with self._engine.connect() as connection:
            rows = connection.run(sql, "JSONCompactEachRow").body.splitlines()
        return {name for (name,) in map(json.loads, rows)}

    def _node(self, key: str, node: dict[str, Any], permitted: Permitted) -> None:
        kind = node["type"]
        if kind == "Identifier" and "alias" in node:
            permitted.renamed.add(tuple(_parts(node)))
        if kind not in allowed.NODES:
            raise _denied(f"use {kind}")
        if "out_file" in node:
            raise _denied("use INTO OUTFILE")
        match kind:
            case "Function":
                self._function(key, node, permitted)
            case "TableIdentifier":
                self._table(_parts(node), permitted)
            case "Identifier" if node["name"].lower() in self._refused:  # a function may be named as an argument
                raise _denied(f"use the name {node['name']}")
            case "ColumnsApplyTransformer" if "func_name" in node:
                self._named_function(node["func_name"])
            case "QueryParameter" if "identifier" in node["param_type"].lower():
                raise _denied("name tables and columns by parameters")
            case "ExplainQuery" if node["kind"] not in allowed.EXPLAINED:
                raise _denied(f"use {node['kind']}")
            case "SetQuery" if key != "explain_settings":
                self._set(node, permitted)

    def _function(self, key: str, node: dict[str, Any], permitted: Permitted) -> None:
        name = node["name"]
        if key == "table_function":
            if name.lower() not in allowed.TABLE_FUNCTIONS:
                permitted.called.add(name)
            return
        self._named_function(name)
        if allowed.TAKES_A_TABLE.fullmatch(name):
            for argument in node.get("arguments", {}).get("children", [])[1:2]:
                if argument["type"] == "Identifier":
                    self._table(_parts(argument), permitted)

    def _named_function(self, name: str) -> None:
        if name.lower() in self._refused or not self._allows(name):
            raise _denied(f"use the function {name}")

    def _allows(self, name: str) -> bool:
        """Also an aggregate function with combinators: sumIf, quantileArrayIf."""
        if name in self._functions or name.lower() in self._functions:
            return True
        return any(name.endswith(end) and self._allows(name.removesuffix(end)) for end in self._combinators)

    def _table(self, parts: list[str], permitted: Permitted) -> None:
        match parts:
            case [_]:  # in the current database, which is one of the two, or a name made by WITH
                permitted.tables.add(tuple(parts))
            case [database, table] if (
                database in {self._home, LOG_DATABASE}
                or database.lower() == "information_schema"
                or (database == "system" and table in allowed.SYSTEM_TABLES)
            ):
                permitted.tables.add((database, table))
            case _:
                raise _denied(f"read {'.'.join(parts)[:128]}")

    def _set(self, node: dict[str, Any], permitted: Permitted) -> None:
        if not set(node) <= _SETTING_KEYS:
            raise _denied("use SETTINGS but for name = value")
        for change in node["changes"]:
            value = change["value"]["value"]
            text = str(int(value)) if isinstance(value, bool) else str(value)
            checked = self.settings({change["name"]: text})
            permitted.settings |= {name: checked[name] for name in checked if name == change["name"]}


def _reading_its_target(statement: Statement) -> str:
    """For DESCRIBE, EXISTS and SHOW CREATE: reading their target. What may be read may be described."""
    found = allowed.ABOUT_A_TABLE.fullmatch(statement.canonical)
    if found is None:
        raise _denied(_ONLY)
    return f"SELECT * FROM {found['target']}"  # noqa: S608 - it is read, not run


def _nodes(value: Any, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a tree with the name under which it stands in its parent; a list's own name for what is in a list."""
    if isinstance(value, list):
        for item in value:
            yield from _nodes(item, key)
    elif isinstance(value, dict):
        if "type" in value:
            yield key, value
        for name, below in value.items():
            explains = value.get("type") == "ExplainQuery" and name == "settings"
            yield from _nodes(below, "explain_settings" if explains else name)


def _parts(node: dict[str, Any]) -> list[str]:
    parts: list[str] = node.get("name_parts") or [node["name"]]
    return parts


def _functions(connection: Connection) -> tuple[frozenset[str], frozenset[str]]:
    """The allowed functions, those that ignore case in lower case too; and all others, in lower case."""
    sql = "SELECT name, is_aggregate, case_insensitive, alias_to, categories, origin FROM system.functions"
    rows = [json.loads(line) for line in connection.run(sql, "JSONCompactEachRow").body.splitlines()]
    own = {name: (aggregate, category) for name, aggregate, _, _, category, origin in rows if origin == "System"}
    allows: set[str] = set(allowed.FUNCTIONS)
    for name, _, ignores_case, alias_to, _, _ in rows:
        aggregate, category = own.get(alias_to or name, (0, ""))
        if name in allowed.REFUSED_FUNCTIONS or (alias_to or name) not in own:
            continue
        if aggregate or category in allowed.FUNCTION_CATEGORIES or alias_to in allowed.FUNCTIONS or name in allows:
            allows |= {name, name.lower()} if ignores_case else {name}
    return frozenset(allows), frozenset(row[0].lower() for row in rows) - {name.lower() for name in allows}


def _combinators(connection: Connection) -> tuple[str, ...]:
    body = connection.run("SELECT name FROM system.aggregate_function_combinators", "TabSeparatedRaw").body
    return tuple(body.decode().split())


def _denied(what: str) -> QueryError:
    return QueryError.refused(Code.ACCESS_DENIED, f"The auditor may not {what}")
