"""Reads the task states of a place from ClickHouse."""

from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from contracts import RULES, SAME_COLUMNS_SINCE
from services.baselines.in_scope.dry_run import InScope
from services.baselines.in_scope.place import Place
from services.runtime.clickhouse import translated

_OURS: Final = f"rules BETWEEN {SAME_COLUMNS_SINCE} AND {RULES}"
_STATES: Final = """
FROM measurements FINAL
WHERE kind = 1 AND task_type = {task_type:String} AND ({complexity:String} = 'any' OR complexity = {complexity:String})
    AND completed_at >= fromUnixTimestamp64Milli({begin:Int64}, 'UTC')
    AND completed_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
    AND ({everybody:Bool} OR authority IN {authorities:Array(String)})
"""
_TASKS: Final = "AND authority = {authority:String} AND task > {after:String}"


class ScopeStore:
    """Table `measurements`, read only. Raises `Retry` or `Halt`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def in_scope(self, place: Place) -> dict[str, InScope]:
        """The place's tasks by authority; authorities without any are left out."""
        sql = (
            f"SELECT authority, countIf({_OURS}), countIf(NOT {_OURS}) {_STATES} GROUP BY authority ORDER BY authority"
        )
        return {str(authority): InScope(tasks, foreign) for authority, tasks, foreign in self._rows(sql, place)}

    def page_end(self, place: Place, authority: str, after: str, keys: int) -> str | None:
        """The task that ends the next page of at most `keys` of an authority's tasks after `after`; none: it was the last."""
        sql = f"SELECT max(task), count() FROM (SELECT task {_STATES} {_TASKS} ORDER BY task LIMIT {{keys:UInt32}})"
        ((end, count),) = self._rows(sql, place, authority=authority, after=after, keys=keys)
        return str(end) if count else None

    def page(self, place: Place, authority: str, after: str, end: str) -> pa.Table:
        """The states of the tasks in (after, end] that can be measured here, as rows of `measurements`."""
        sql = f"SELECT * {_STATES} {_TASKS} AND task <= {{last:String}} AND {_OURS}"
        return self._table(sql, place, authority=authority, after=after, last=end)

    def _rows(self, sql: str, place: Place, **parameters: object) -> list[tuple[Any, ...]]:
        with translated():
            answer = self._client.query(sql, parameters=place.parameters() | parameters)
            return [tuple(row) for row in answer.result_rows]

    def _table(self, sql: str, place: Place, **parameters: object) -> pa.Table:
        with translated():
            return self._client.query_arrow(sql, parameters=place.parameters() | parameters, use_strings=True)
