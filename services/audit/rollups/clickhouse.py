"""The edge to ClickHouse of rollups, for whoever reads: views that an auditor may read, and nothing else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from services.domain.rollups.heads import Head
from services.domain.rollups.tables import CLUSTERS, DAILY, UNIT, Layout, Rows, Unit, rows_of
from services.runtime.clickhouse import translated

_VIEWS: Final = {DAILY: "progress_rows", CLUSTERS: "cluster_rows"}
_SOURCES: Final = ("publications", *_VIEWS.values())
_AUTHORITIES: Final = " UNION DISTINCT ".join(f"SELECT toString(authority) AS name FROM {view}" for view in _SOURCES)
_DAYS: Final = " UNION DISTINCT ".join(
    f"SELECT day FROM {view} WHERE authority = {{authority:String}}" for view in _SOURCES
)
_THESE: Final = "WHERE authority = {authority:String} AND day IN {days:Array(Date)}"
_HEADS: Final = f"""
SELECT authority, day, seq, run, n, rows, previous, toUnixTimestamp64Milli(published_at), head FROM publications {_THESE}
ORDER BY day, published_at, seq
"""
_SHOWN: Final = """published_at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND shown_until > fromUnixTimestamp64Milli({at:Int64}, 'UTC')
    AND ({everybody:Bool} OR authority IN {authorities:Array(String)})"""
_SHOWN_TOTALS: Final = f"""
SELECT {{group}} AS named, sum(n) AS tasks, sumIf(n, status = 'measured') AS measured, sumIf(n, status = 'unmeasured') AS unmeasured,
       sumIf(n, status = 'incomplete') AS incomplete, sum(n_capped) AS capped,
       sumIf(n, role = 'treated' AND status = 'measured') AS treated,
       sumIf(gross_ms, role = 'treated' AND status = 'measured') AS gross, sumIf(saved_ms, role = 'treated') AS net
FROM published_progress WHERE {_SHOWN} GROUP BY named ORDER BY named
"""
_SHOWN_UNITS: Final = f"""
SELECT count(), toUnixTimestamp64Milli(max(published_at)), min(day), max(day) FROM publications WHERE {_SHOWN} AND n > 0
"""
_TASKS: Final = "SELECT * FROM unit_tasks WHERE (authority, day) IN {units:Array(Tuple(String, Date))}"


@dataclass(frozen=True, slots=True)
class UnitStore:
    """What units are made of. Raises `Retry` or `Halt`."""

    client: Client

    def copy(self, units: Collection[Unit]) -> pa.Table:
        """The tasks of these units, read at once: rows of the view `unit_tasks`."""
        named = [(unit.authority, unit.day.isoformat()) for unit in units]
        return self.table(_TASKS, {"units": named})

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query; digests as bytes."""
        formats: dict[str, str | dict[str, str]] = dict.fromkeys(("rows", "previous", "head"), "bytes")
        with translated():
            result = self.client.query(sql, parameters=dict(parameters or {}), column_formats=formats)
            return [tuple(row) for row in result.result_rows]

    def table(self, sql: str, parameters: Mapping[str, object]) -> pa.Table:
        """The rows of a query, in columns."""
        with translated():
            return self.client.query_arrow(sql, parameters=dict(parameters), use_strings=True)


@dataclass(frozen=True, slots=True)
class PublishedStore(UnitStore):
    """What was ever published, row by row."""

    def authorities(self) -> list[str]:
        """Everybody of whom there is a head or a row."""
        return [str(authority) for (authority,) in self.rows(_AUTHORITIES)]

    def days(self, authority: str) -> list[date]:
        """The days of whom there is a head or a row."""
        return [day for (day,) in self.rows(_DAYS, {"authority": authority})]

    def heads(self, authority: str, days: Collection[date]) -> list[Head]:
        """Every head of these units, in the order in which they were shown."""
        return [
            Head(Unit(str(whose), day), seq, run, n, rows, previous, published_ms, head)
            for whose, day, seq, run, n, rows, previous, published_ms, head in self.rows(_HEADS, _of(authority, days))
        ]

    def runs(self, layout: Layout, authority: str, days: Collection[date]) -> dict[tuple[Unit, int], Rows]:
        """The rows of every run of these units, with a head or without. The same row twice is one."""
        columns = ", ".join(layout.columns)
        sql = f"SELECT DISTINCT authority, day, run, {columns} FROM {_VIEWS[layout]} {_THESE}"
        table = self.table(sql, _of(authority, days))
        units = zip(*(table.column(name).to_pylist() for name in UNIT), strict=True)
        found: dict[tuple[Unit, int], list[tuple[str | int, ...]]] = {}
        for (whose, day, run), row in zip(units, rows_of(layout, table), strict=True):
            found.setdefault((Unit(whose, day), run), []).append(row)
        return dict(found)

    def shown_units(self, asked: Mapping[str, object]) -> tuple[int, int, date, date]:
        """How many units that are not empty were shown at a moment, the newest publication of them, first and last day."""
        ((units, newest_ms, first, last),) = self.rows(_SHOWN_UNITS, asked)
        return units, newest_ms, first, last

    def shown_totals(self, group: str, asked: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """What was shown at a moment by `group`, an expression over the view `published_progress`."""
        return self.rows(_SHOWN_TOTALS.replace("{group}", group), asked)


def _of(authority: str, days: Collection[date]) -> dict[str, object]:
    return {"authority": authority, "days": [day.isoformat() for day in days]}
