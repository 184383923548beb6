"""What ClickHouse knows of rejected records."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from contracts.events import moment_at
from services.cli.rejected.selection import Coordinate, Filters
from services.runtime.clickhouse import translated

_GROUPS = """
SELECT code, path, topic, count() AS records, toUnixTimestamp64Milli(min(broker_time)), toUnixTimestamp64Milli(max(broker_time)),
    argMax((log_no, partition, offset), (broker_time, log_no, partition, offset)) FROM rejections WHERE {where}
GROUP BY code, path, topic ORDER BY records DESC, code, path, topic LIMIT {size} OFFSET {first}
"""
_TOTALS = "SELECT count(), uniqExact((code, path, topic)) FROM rejections WHERE {where}"
_SELECTED = """
SELECT log_no, topic, partition, offset, code, path, rules, toUnixTimestamp64Milli(broker_time) FROM rejections WHERE {where}
ORDER BY log_no, topic, partition, offset LIMIT {most}
"""
_ACCEPTED = """
SELECT accepted FROM dispositions WHERE log_no = {log_no:UInt32} AND topic = {topic:String}
    AND partition = {partition:UInt16} AND offset = {offset:UInt64}
"""
_SEALED = """
SELECT if(count() = 0, -1, toInt64(max(last_offset))) FROM seals
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16}
"""
_A_SALT = "SELECT log_no, topic, partition, offset, salt FROM records WHERE accepted = 1 AND salt != '' LIMIT 1"
_ALL = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Group:
    """Rejections with one cause in one topic; `newest` is the coordinate of the last of them."""

    code: str
    path: str
    topic: str
    records: int
    first: datetime
    last: datetime
    newest: Coordinate


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is rejected; `broker_ms` is epoch milliseconds."""

    coordinate: Coordinate
    code: str
    path: str
    rules: int
    broker_ms: int

    @property
    def broker_time(self) -> datetime:
        """When the broker got it."""
        return moment_at(self.broker_ms)


@dataclass(frozen=True, slots=True)
class RejectionStore:
    """Reads views and seals. Raises `Retry` or `Halt`."""

    client: Client

    def groups(self, filters: Filters, first: int, size: int) -> list[Group]:
        """The causes, most frequent first, from the `first` (0 based) on."""
        where, parameters = filters.where()
        rows = self._rows(_GROUPS.format(where=where, size=size, first=first), parameters)
        return [
            Group(code, path, topic, count, moment_at(since), moment_at(until), Coordinate(at[0], topic, at[1], at[2]))
            for code, path, topic, count, since, until, at in rows
        ]

    def totals(self, filters: Filters) -> tuple[int, int]:
        """How many records are rejected, and in how many groups."""
        where, parameters = filters.where()
        ((records, groups),) = self._rows(_TOTALS.format(where=where), parameters)
        return records, groups

    def selected(self, filters: Filters, most: int | None = None) -> list[Rejected]:
        """The rejected records in the order of their coordinates, at most `most`."""
        where, parameters = filters.where()
        rows = self._rows(_SELECTED.format(where=where, most=_ALL if most is None else most), parameters)
        return [Rejected(Coordinate(*row[:4]), *row[4:]) for row in rows]

    def accepted(self, at: Coordinate) -> bool | None:
        """Whether the record was accepted; `None`: nothing is stored there."""
        rows = self._rows(_ACCEPTED, _place(at) | {"offset": at.offset})
        return bool(rows[0][0]) if rows else None

    def sealed_to(self, at: Coordinate) -> int:
        """The highest sealed offset of the coordinate's partition, -1 for none."""
        ((offset,),) = self._rows(_SEALED, _place(at))
        return int(offset)

    def a_salt(self) -> tuple[Coordinate, bytes] | None:
        """The salt of some accepted record, by which a secret can be recognised."""
        rows = self._rows(_A_SALT, {})
        return (Coordinate(*rows[0][:4]), rows[0][4]) if rows else None

    def _rows(self, sql: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with translated():
            answer = self.client.query(sql, parameters=parameters, column_formats={"salt": "bytes"})
            return [tuple(row) for row in answer.result_rows]


def _place(at: Coordinate) -> dict[str, Any]:
    return {"log_no": at.log_no, "topic": at.topic, "partition": at.partition}
