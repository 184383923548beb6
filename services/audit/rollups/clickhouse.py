"""The edge to ClickHouse of rollups, for whoever reads: views that an auditor may read, and nothing else."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from services.domain.rollups.tables import Unit
from services.runtime.clickhouse import translated

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
