"""The edge to ClickHouse: what is stored of each log. Reads views that an auditor may read, and nothing else."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from services.domain.accounts import Gaps, Known, Place, Stored, incomplete
from services.runtime.clickhouse import translated

_RANGES: Final = 100
"""How many ranges of missing offsets are taken of a partition; their number and sum are of all."""
_IN_ORDER: Final = {"optimize_read_in_window_order": 1}
_STORED: Final = """
SELECT log_no, topic, partition, first_offset, last_offset, events, rejections, rejudged, incidents, ids
FROM stored_partitions
"""
_GAPS: Final = f"""
SELECT log_no, topic, partition, sum(last_offset - first_offset + 1), count(),
       groupArraySorted({_RANGES})((first_offset, last_offset))
FROM offset_gaps WHERE (log_no, topic, partition) IN {{places:Array(Tuple(UInt32, String, UInt16))}}
GROUP BY log_no, topic, partition
"""
_BINDINGS: Final = "SELECT topic, log_no, groupUniqArray(topic_id) FROM log_bindings"


@dataclass(frozen=True, slots=True)
class ConservationStore:
    """What is stored. Raises `Retry` or `Halt`."""

    client: Client

    def known(self, only: Collection[str] | None = None) -> Known:
        """Counts of each partition, ranges only of those with holes; of all topics or these."""
        where, chosen = ("", []) if only is None else (" WHERE topic IN {topics:Array(String)}", sorted(only))
        stored = {
            (log_no, topic, partition): Stored(*numbers)
            for log_no, topic, partition, *numbers in self._rows(_STORED + where, topics=chosen)
        }
        bindings: dict[str, dict[int, frozenset[str]]] = {}
        for topic, log_no, ids in self._rows(f"{_BINDINGS}{where} GROUP BY topic, log_no", topics=chosen):
            bindings.setdefault(topic, {})[log_no] = frozenset(ids)
        authorities = frozenset(cvr for (cvr,) in self._rows("SELECT authority FROM current_authorities"))
        return Known(authorities, bindings, stored, self._gaps(incomplete(stored)))

    def _gaps(self, places: Sequence[Place]) -> dict[Place, Gaps]:
        if not places:
            return {}
        return {
            (log_no, topic, partition): Gaps(offsets, ranges, tuple(map(tuple, first)))
            for log_no, topic, partition, offsets, ranges, first in self._rows(_GAPS, places=list(places))
        }

    def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with translated():
            return list(map(tuple, self.client.query(sql, parameters=parameters, settings=_IN_ORDER).result_rows))
