"""The edge to ClickHouse of who publishes: views that an auditor may read, and the tables `progress_daily`, `progress_clusters` and
`unit_heads`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from contracts.events import moment_at
from services.audit.rollups.clickhouse import UnitStore
from services.domain.rollups.heads import Draft, Shown
from services.domain.rollups.parts import Part
from services.domain.rollups.tables import CLUSTERS, DAILY, Unit
from services.progress.rollups.publishing import Dirty
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_PARTS: Final = "SELECT name, min_block_number, max_block_number FROM measurement_parts"
_AUTHORITIES: Final = "SELECT DISTINCT authority FROM part_authorities WHERE part IN {parts:Array(String)}"
_SOME: Final = "WHERE authority IN {authorities:Array(String)}"
_DIRTY: Final = """
SELECT authority, day, now_there.n AS tasks, seq, run, shown.n AS shown_tasks, head, published_ms
FROM (SELECT toString(authority) AS authority, day, n, fingerprint FROM unit_fingerprints {some}) AS now_there
FULL JOIN (SELECT toString(authority) AS authority, day, seq, run, n, head, toUnixTimestamp64Milli(published_at) AS published_ms
           FROM current_heads {some}) AS shown USING (authority, day)
WHERE (now_there.n, fingerprint) != (shown.n, run)
ORDER BY authority, day
"""
_GENERATION: Final = """
SELECT greatest((SELECT max(generation) FROM baseline_versions), (SELECT max(generation) FROM authority_versions))
"""
_STALE: Final = f"SELECT DISTINCT authority FROM stale_measurements {_SOME}"
_HEAD_COLUMNS: Final = ("authority", "day", "seq", "run", "n", "rows", "previous", "not_before")


@dataclass(frozen=True, slots=True)
class RollupStore(UnitStore):
    """`Store` of who publishes."""

    def parts(self) -> list[Part]:
        """The active parts of `measurements`."""
        return [Part(*row) for row in self.rows(_PARTS)]

    def authorities_in(self, parts: Collection[str]) -> set[str]:
        """Whose rows are in these parts."""
        return {str(authority) for (authority,) in self.rows(_AUTHORITIES, {"parts": list(parts)})}

    def dirty(self, authorities: Collection[str] | None) -> dict[Unit, Dirty]:
        """The dirty units of some authorities or (none) of all, emptied ones too."""
        sql = _DIRTY.format(some="" if authorities is None else _SOME)
        rows = self.rows(sql, {"authorities": sorted(authorities or ())})
        return {
            Unit(str(authority), day): Dirty(tasks, Shown(seq, run, n, head, published_ms) if seq else Shown())
            for authority, day, tasks, seq, run, n, head, published_ms in rows
        }

    def generation(self) -> int:
        """The newest number of the registry."""
        ((generation,),) = self.rows(_GENERATION)
        return int(generation)

    def stale(self, authorities: Collection[str]) -> set[str]:
        """Those of whom a measurement is stale."""
        return {str(authority) for (authority,) in self.rows(_STALE, {"authorities": sorted(authorities)})}

    def write(self, daily: pa.Table, clusters: pa.Table) -> None:
        """Stores rows of both tables; a run's rows again are the same rows."""
        for layout, table in ((DAILY, daily), (CLUSTERS, clusters)):
            if table.num_rows:
                with translated():
                    self.client.insert_arrow(layout.table, table, settings=INSERT_SETTINGS)

    def publish(self, heads: Sequence[Draft]) -> None:
        """Stores heads; the database stamps them."""
        rows = [
            [*head.unit, head.seq, head.run, head.n, head.rows, head.previous, moment_at(head.not_before_ms)]
            for head in heads
        ]
        with translated():
            self.client.insert("unit_heads", rows, column_names=_HEAD_COLUMNS, settings=INSERT_SETTINGS)
