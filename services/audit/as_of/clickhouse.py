"""The edge to ClickHouse for instants: views that an auditor may read, and nothing else."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from contracts.events import REOPENED, epoch_ms
from services.audit.as_of.totals import COLUMNS, By, Total
from services.audit.chunks import Chunk
from services.audit.recompute.clickhouse import OF_AUTHORITIES, OF_CHUNK, TREATED, RecomputationStore, of_chunk
from services.domain.causes import Figures, Pair

_COUNTS: Final = f"(status = 'measured' AND {TREATED})"
"""Whether a task is among those that hours freed are of."""
_MOMENT: Final = "fromUnixTimestamp64Milli({{{name}:Int64}}, 'UTC')"
_AT: Final = _MOMENT.format(name="at")
_HERE: Final = f"topic IN {{topics:Array(String)}} AND {OF_CHUNK}"
_KNOWN: Final = f"SELECT max(generation) FROM registry_events WHERE applied AND known_since <= {_AT}"
_UNREADABLE: Final = f"""
SELECT uniqExact(authority, task) FROM task_events WHERE NOT readable AND broker_time <= {_AT} AND {OF_AUTHORITIES}
"""
_PAIRS: Final = f"""
WITH
    before AS (
        SELECT authority, task, kind, log_no, partition, offset, {_COUNTS} AS measured,
               if({_COUNTS}, ifNull(saved_ms, 0), 0) AS saved, ifNull(rework_ms, 0) AS rework
        FROM recomputed_states(at = {_MOMENT.format(name="first")})
        WHERE {_HERE} AND since_generation <= {{g1:UInt64}} AND {{g1:UInt64}} < until_generation
    ),
    under AS (
        SELECT authority, task, kind, event_type, log_no, partition, offset, baseline_generation,
               {_COUNTS} AS measured, if({_COUNTS}, ifNull(saved_ms, 0), 0) AS saved, ifNull(rework_ms, 0) AS rework,
               since_generation <= {{g1:UInt64}} AND {{g1:UInt64}} < until_generation AS at_first,
               since_generation <= {{g2:UInt64}} AND {{g2:UInt64}} < until_generation AS at_second
        FROM recomputed_states(at = {_MOMENT.format(name="second")}) WHERE {_HERE}
    ),
    after AS (
        SELECT u.authority AS authority, u.task AS task, any(u.kind) AS kind, any(u.event_type) AS event_type,
               any(u.log_no) AS log_no, any(u.partition) AS partition, any(u.offset) AS offset, any(u.rework) AS rework,
               maxIf(u.measured, at_first) AS measured_then, sumIf(u.saved, at_first) AS saved_then,
               maxIf(u.measured, at_second) AS measured_now, sumIf(u.saved, at_second) AS saved_now,
               sumIf(u.baseline_generation, at_first) != sumIf(u.baseline_generation, at_second) AS restated
        FROM under AS u GROUP BY authority, task
    )
SELECT b.kind != 0 AS known, known AND (b.log_no, b.partition, b.offset) != (a.log_no, a.partition, a.offset) AS exchanged,
       a.kind = 2 AS retracted, a.event_type = '{REOPENED}' AS reopened, exchanged AND a.rework != b.rework AS reworked,
       a.restated AS restated, b.measured AS measured_before, a.measured_then AS measured_then, a.measured_now AS measured_now,
       sum(b.saved), sum(b.rework), sum(a.saved_then), sum(a.rework), sum(a.saved_now), count()
FROM after AS a LEFT JOIN before AS b ON a.authority = b.authority AND a.task = b.task
GROUP BY known, exchanged, retracted, reopened, reworked, restated, measured_before, measured_then, measured_now
"""


class InstantStore(RecomputationStore):
    """Views alone. Raises `Retry` or `Halt`."""

    def known_generation(self, at: datetime) -> int:
        """The newest generation of which all numbers up to it were published at `at`. Raises `Halt` where one has two
        contents."""
        self.newest_generation()
        ((generation,),) = self.rows(_KNOWN, at=epoch_ms(at))
        return int(generation)

    def totals(self, at: datetime, by: By | None, chunk: Chunk) -> dict[tuple[str, ...], Total]:
        """The totals of a chunk as recorded at `at`."""
        columns = COLUMNS[by]
        rows = self.rows(_totals(columns), at=epoch_ms(at), **of_chunk(chunk))
        return {tuple(map(str, row[: len(columns)])): Total(*map(int, row[len(columns) :])) for row in rows}

    def unreadable(self, at: datetime, authorities: Collection[str]) -> int:
        """How many tasks had an event at `at` that cannot be read."""
        ((tasks,),) = self.rows(_UNREADABLE, at=epoch_ms(at), authorities=sorted(authorities))
        return int(tasks)

    def pairs(self, first: tuple[datetime, int], second: tuple[datetime, int], chunk: Chunk) -> list[Pair]:
        """The tasks of a chunk at two (instant, generation known then), alike ones added up."""
        asked = {"first": epoch_ms(first[0]), "g1": first[1], "second": epoch_ms(second[0]), "g2": second[1]}
        return [_pair(*row) for row in self.rows(_PAIRS, **asked, **of_chunk(chunk))]


def _pair(*row: int) -> Pair:
    known, exchanged, retracted, reopened, reworked, restated, *measured = map(bool, row[:9])
    saved_before, rework_before, saved_between, rework_after, saved_after, tasks = row[9:]
    return Pair(
        known=known,
        exchanged=exchanged,
        retracted=retracted,
        reopened=reopened,
        reworked=reworked,
        restated=restated,
        before=Figures(measured[0], saved_before, rework_before),
        between=Figures(measured[1], saved_between, rework_after),
        after=Figures(measured[2], saved_after, rework_after),
        tasks=tasks,
    )


def _totals(columns: tuple[str, ...]) -> str:
    named = "".join(f"{column}, " for column in columns)
    grouped = f"GROUP BY {', '.join(columns)}" if columns else ""
    return f"""
        SELECT {named}count(), countIf(status = 'measured'), countIf(status = 'unmeasured'), countIf(status = 'incomplete'),
               sum(capped), sumIf(effort_ms, status = 'measured'), ifNull(sumIf(credit_ms, status = 'measured'), 0),
               ifNull(sumIf(saved_ms, status = 'measured'), 0), countIf({_COUNTS}), ifNull(sumIf(saved_ms, {_COUNTS}), 0),
               ifNull(sumIf(credit_ms - counted_active_ms, {_COUNTS}), 0)
        FROM measurements_as_of(at = {_AT}) WHERE {_HERE} {grouped}
    """
