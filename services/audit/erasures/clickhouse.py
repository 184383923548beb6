"""The edge to ClickHouse: the ledger of erasures, and the rows that lose their payload."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from services.audit.erasures.erasing import Request
from services.domain.accounts import Place
from services.domain.coordinate import Coordinate
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_COORDINATES: Final = "(log_no, topic, partition, offset)"
_WANTED: Final = f"{_COORDINATES} IN {{wanted:Array(Tuple(UInt32, String, UInt16, UInt64))}}"
_ACCEPTED: Final = (
    f"SELECT log_no, topic, partition, offset, max(accepted) FROM records WHERE {_WANTED} GROUP BY {_COORDINATES}"
)
_OF_TASK: Final = """
SELECT DISTINCT log_no, topic, partition, offset FROM records
WHERE topic = {topic:String} AND subject = {task:String} AND accepted = 1 ORDER BY log_no, topic, partition, offset
"""
_SEALED: Final = """
SELECT log_no, topic, partition, max(last_offset) FROM seals
WHERE (log_no, topic, partition) IN {places:Array(Tuple(UInt32, String, UInt16))} GROUP BY log_no, topic, partition
"""
_ANNOUNCED: Final = f"SELECT DISTINCT log_no, topic, partition, offset FROM erasures WHERE {_WANTED}"
_LEFT: Final = """
SELECT DISTINCT log_no, topic, partition, offset FROM records WHERE (payload != '' OR salt != '') AND {which}
ORDER BY log_no, topic, partition, offset
"""
_IN_LEDGER: Final = f"{_COORDINATES} IN (SELECT log_no, topic, partition, offset FROM erasures)"
_LEDGER_COLUMNS: Final = ("log_no", "topic", "partition", "offset", "reason", "requested_by", "erased_at")


@dataclass(frozen=True, slots=True)
class ErasureStore:
    """Tables `records`, `seals` and `erasures`, as the writer. Raises `Retry` or `Halt`."""

    client: Client

    def of_task(self, topic: str, task: str) -> list[Coordinate]:
        """The accepted records that are about a task, in all logs of its topic."""
        return [Coordinate(*row) for row in self._rows(_OF_TASK, topic=topic, task=task)]

    def accepted(self, wanted: Sequence[Coordinate]) -> dict[Coordinate, bool]:
        """Whether each of these that is stored was accepted."""
        return {
            Coordinate(*place): bool(accepted) for *place, accepted in self._rows(_ACCEPTED, wanted=_tuples(wanted))
        }

    def sealed_to(self, places: Iterable[Place]) -> dict[Place, int]:
        """The last sealed offset of each of these that has one."""
        rows = self._rows(_SEALED, places=sorted(places))
        return {(log_no, topic, partition): offset for log_no, topic, partition, offset in rows}

    def announced(self, wanted: Sequence[Coordinate]) -> list[Coordinate]:
        """Those of these that the ledger names."""
        return [Coordinate(*row) for row in self._rows(_ANNOUNCED, wanted=_tuples(wanted))]

    def announce(self, erased: Sequence[Coordinate], request: Request) -> None:
        """Adds them to the ledger."""
        rows = [[*at, request.reason, request.requested_by, request.now] for at in erased]
        if rows:
            with translated():
                self.client.insert("erasures", rows, column_names=_LEDGER_COLUMNS, settings=INSERT_SETTINGS)

    def remove(self, erased: Sequence[Coordinate]) -> None:
        """Rewrites the parts that hold them, on every replica: a mutation, since a newer row beside the old one would erase
        nothing until the two are merged. The client must have the patience."""
        for (log_no, topic, partition), group in groupby(sorted(erased), key=lambda at: at.place):
            where = f"log_no = {log_no} AND topic = {{topic:String}} AND partition = {partition}"
            offsets = ", ".join(str(at.offset) for at in group)
            with translated():
                self.client.command(
                    f"ALTER TABLE records UPDATE payload = '', salt = '' WHERE {where} AND offset IN ({offsets})",
                    parameters={"topic": topic},
                    settings={"mutations_sync": 2},
                )

    def left(self, wanted: Sequence[Coordinate] | None = None) -> list[Coordinate]:
        """Those of these, or of all in the ledger, whose payload or salt is still in a row."""
        sql = _LEFT.replace("{which}", _IN_LEDGER if wanted is None else _WANTED)
        return [Coordinate(*row) for row in self._rows(sql, wanted=_tuples(wanted or ()))]

    def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with translated():
            return list(map(tuple, self.client.query(sql, parameters=parameters).result_rows))


def _tuples(wanted: Sequence[Coordinate]) -> list[tuple[int, str, int, int]]:
    return [tuple(at) for at in sorted(wanted)]  # type: ignore[misc] # the client takes tuples as such
