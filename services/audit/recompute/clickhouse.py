"""The edge to ClickHouse for comparing: views that an auditor may read, and nothing else."""

from collections.abc import Collection
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from contracts import RULES, topics
from services.audit.chunks import Chunk
from services.audit.recompute.comparison import (
    LISTED,
    ColumnDifference,
    Compared,
    Finding,
    Kind,
    Sums,
    TotalDifference,
)
from services.runtime.clickhouse import translated
from services.runtime.errors import Halt

TREATED: Final = "(arm != 'control' AND (arm = 'treatment' OR assistance != 'none'))"
"""What AI freed time in, or cost it, as the view `task_roles` has it: hours freed are of these alone."""
EVER: Final = "toDateTime64('2299-01-01', 3, 'UTC')"
"""After every record."""
COLUMNS: Final = (
    *("revision", "kind", "log_no", "partition", "offset", "broker_time", "day", "started_at", "completed_at"),
    *(
        "task_type",
        "complexity",
        "time_basis",
        "assistance",
        "assignment",
        "arm",
        "origin",
        "outcome",
        "work",
        "audience",
    ),
    *("programme", "study", "stratum", "cluster", "cluster_kind", "active_ms", "status", "counted_active_ms", "capped"),
    *("effort_ms", "baseline", "baseline_version", "baseline_level", "grade"),
)
"""What record, rules and registry determine of a measurement and is never unknown."""
NULLABLE: Final = (
    *("review_ms", "rework_ms", "predicted_without_ai_ms", "predicted_with_ai_ms", "credit_ms", "saved_ms"),
)
"""And what may be."""
_RULES: Final = f"s.rules < r.rules OR s.rules > {RULES}"
"""A row is written with the rules of its record or, restated, with newer ones; this program knows none above its own."""

_GENERATION: Final = "s.generation > {generation:UInt64}"
"""Nothing was published under a number above the newest."""


def _differing() -> str:
    """Whether a stored row s is another than the recomputed r."""
    known = [f"s.{name} != r.{name}" for name in COLUMNS]
    unknown = [
        f"(s.{name} IS NULL, ifNull(s.{name}, 0)) != (r.{name} IS NULL, ifNull(r.{name}, 0))" for name in NULLABLE
    ]
    return " OR ".join([*known, *unknown, _RULES, _GENERATION])


def _described() -> str:
    """The columns in which they differ, as an array of (name, stored, recomputed)."""
    pairs = [
        f"('{name}', toNullable(toString(s.{name})), toNullable(toString(r.{name})))" for name in (*COLUMNS, *NULLABLE)
    ]
    bounds = [
        f"if({broken}, [('{name}', toNullable(toString(s.{name})), toNullable({bound}))], [])"
        for name, broken, bound in (
            ("rules", _RULES, f"concat(toString(r.rules), ' to {RULES}')"),
            ("generation", _GENERATION, "concat('0 to ', toString({generation:UInt64}))"),
        )
    ]
    different = "arrayFilter(d -> (d.2 IS NULL) != (d.3 IS NULL) OR ifNull(d.2 != d.3, 0), [" + ", ".join(pairs) + "])"
    return f"arrayConcat({different}, {', '.join(bounds)})"


OF_CHUNK: Final = "cityHash64(task) % {of:UInt32} = {part:UInt32}"
_COMPARED: Final = f"""
WITH
    stored AS (
        SELECT *, true AS there FROM measurement_rows
        WHERE authority IN {{authorities:Array(String)}} AND {OF_CHUNK}
    ),
    recomputed AS (
        SELECT *, true AS there FROM recomputed_states(at = {EVER})
        WHERE topic IN {{topics:Array(String)}} AND {OF_CHUNK}
    ),
    unreadable AS (
        SELECT authority, log_no, partition, offset, erased FROM task_events
        WHERE NOT readable AND topic IN {{topics:Array(String)}}
    ),
    compared AS (
        SELECT if(s.there, toString(s.authority), r.authority) AS whose, if(s.there, s.task, r.task) AS which,
               (s.authority, s.log_no, s.partition, s.offset, true) IN unreadable AS erased,
               (s.authority, s.log_no, s.partition, s.offset, false) IN unreadable AS lost,
               multiIf(NOT s.there, '{Kind.MISSING}', erased, '{Kind.ERASED}', lost, '{Kind.PAYLOAD_MISSING}',
                       NOT r.there, '{Kind.EXTRA}', {_differing()}, '{Kind.DIFFERS}', '') AS wrong,
               if(wrong = '{Kind.DIFFERS}', {_described()}, []) AS different,
               s.there AND s.kind = 1 AND NOT erased AND NOT lost AS is_stored,
               is_stored AND s.status = 'measured' AS stored_measured,
               r.there AND r.kind = 1 AND NOT erased AND NOT lost AS is_recomputed,
               is_recomputed AND r.status = 'measured' AS recomputed_measured,
               s.saved_ms AS stored_saved_ms, r.saved_ms AS recomputed_saved_ms,
               s.there AND r.there AND r.until_generation <= {{generation:UInt64}} AS outdated
        FROM stored AS s FULL JOIN recomputed AS r ON s.authority = r.authority AND s.task = r.task
        WHERE NOT r.there OR if(s.there, r.since_generation <= s.generation AND s.generation < r.until_generation,
                                r.until_generation = toUInt64(-1))
    )
SELECT whose, sumMapIf(map(wrong, toUInt64(1)), wrong != ''),
       groupArrayIf({LISTED})((wrong, which, different), wrong != ''),
       countIf(is_stored), countIf(stored_measured), sumIf(stored_saved_ms, stored_measured),
       countIf(is_recomputed), countIf(recomputed_measured), sumIf(recomputed_saved_ms, recomputed_measured),
       countIf(outdated)
FROM compared GROUP BY whose ORDER BY whose
"""
OF_AUTHORITIES: Final = "(empty({authorities:Array(String)}) OR authority IN {authorities:Array(String)})"
_EVENTS: Final = f"""
SELECT authority, max(events) FROM (
    SELECT authority, count() AS events FROM task_events WHERE {OF_AUTHORITIES} GROUP BY authority
    UNION ALL
    SELECT toString(authority) AS authority, count() AS events FROM measurement_rows WHERE {OF_AUTHORITIES} GROUP BY authority
) GROUP BY authority
"""
_GENERATIONS: Final = """
SELECT maxIf(generation, applied), max(generation), count(), uniqExact(generation) FROM registry_events
"""
_LOOKS: Final = 2
"""The registry's two tables are read one after the other, so that a number may seem to be missing that came meanwhile."""
_INCIDENT: Final = """
SELECT concat(toString(log_no), '/', topic, '/', toString(partition), '/', toString(offset)) FROM incidents
WHERE startsWith(topic, 'frigjort.tasks.v1.') AND (empty({topics:Array(String)}) OR topic IN {topics:Array(String)})
ORDER BY log_no, topic, partition, offset LIMIT 1
"""
_STALE: Final = f"""
SELECT authority, count() FROM stale_measurements WHERE {OF_AUTHORITIES} GROUP BY authority ORDER BY authority
"""
_TOTALS: Final = """
SELECT if(shown.tasks > 0, shown.named, added.named) AS named,
       shown.tasks, shown.measured, shown.saved, added.tasks, added.measured, added.saved
FROM (
    SELECT {name} AS named, tasks, measured_tasks AS measured, freed_ms AS saved FROM {view} WHERE {which}
) AS shown FULL JOIN (
    SELECT {name} AS named, count() AS tasks, countIf(status = 'measured') AS measured,
           ifNull(sumIf(saved_ms, status = 'measured' AND {treated}), 0) AS saved
    FROM measurement_rows WHERE kind = 1 AND {which} GROUP BY named
) AS added ON shown.named = added.named
WHERE (shown.tasks, shown.measured, shown.saved) != (added.tasks, added.measured, added.saved)
ORDER BY named
"""
_NAMES: Final = {
    "hours_freed_by_authority": "toString(authority)",
    "hours_freed_daily": "concat(authority, ' ', toString(day))",
    "hours_freed_by_task_type": "concat(task_type, ' ', complexity)",
}
"""The views of totals, and what names a row of each. The last is over all authorities."""


class RecomputationStore:
    """Views alone. Raises `Retry` or `Halt`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def newest_generation(self) -> int:
        """The newest generation. Raises `Halt` where a number has two contents, or none."""
        for _ in range(_LOOKS):
            ((applied, newest, events, numbers),) = self.rows(_GENERATIONS)
            if applied == newest:
                break
        if events != numbers:
            raise Halt(
                "the recomputation",
                "a generation of the registry has two contents (view registry_events)",
                "find out who wrote the second; there is one registry writer",
            )
        if applied != newest:
            raise Halt(
                "the recomputation",
                f"generation {applied + 1} of the registry is missing, and {newest} is there (view registry_events)",
                "restore it from a backup of baselines and authorities; Kafka has it in frigjort.baselines.v1",
            )
        return int(applied)

    def events(self, authorities: Collection[str]) -> dict[str, int]:
        """By authority, about how many events it has; with those of whom only measurements are stored. Raises `Halt` where a
        coordinate has two contents."""
        for (place,) in self.rows(_INCIDENT, topics=sorted(map(topics.tasks_topic, authorities))):
            raise Halt(
                "the recomputation",
                f"two contents at {place} (view incidents)",
                "one of them was not received from Kafka: `frigjort doctor`",
            )
        return {str(authority): int(count) for authority, count in self.rows(_EVENTS, authorities=sorted(authorities))}

    def compared(self, chunk: Chunk, generation: int) -> list[Compared]:
        """The tasks of a chunk by authority; a stored row under a newer generation than this differs."""
        parameters = {**of_chunk(chunk), "generation": generation}
        return [_compared(*row) for row in self.rows(_COMPARED, **parameters)]

    def total_differences(self, authorities: Collection[str]) -> list[TotalDifference]:
        """Where the views of totals show something else than the rows add up to."""
        return [
            TotalDifference(view, str(name), Sums(*numbers[:3]), Sums(*numbers[3:]))
            for view, named in _NAMES.items()
            if not authorities or "task_type" not in named
            for name, *numbers in self.rows(
                _TOTALS.format(view=view, name=named, which=OF_AUTHORITIES if authorities else "1", treated=TREATED),
                authorities=sorted(authorities),
            )
        ]

    def stale(self, authorities: Collection[str]) -> dict[str, int]:
        """How many states are stale, by authority that has any."""
        return {str(authority): int(count) for authority, count in self.rows(_STALE, authorities=sorted(authorities))}

    def rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with translated():
            return [tuple(row) for row in self._client.query(sql, parameters=parameters).result_rows]


def of_chunk(chunk: Chunk) -> dict[str, Any]:
    """A chunk as the parameters of a query."""
    return {
        "authorities": list(chunk.authorities),
        "topics": list(map(topics.tasks_topic, chunk.authorities)),
        "part": chunk.part,
        "of": chunk.of,
    }


def _compared(whose: str, counts: dict[str, int], found: list[Any], *numbers: int) -> Compared:
    return Compared(
        authority=whose,
        counts={Kind(name): int(count) for name, count in counts.items()},
        findings=tuple(
            Finding(Kind(kind), whose, task, tuple(ColumnDifference(*column) for column in columns))
            for kind, task, columns in found
        ),
        stored=Sums(*numbers[:3]),
        recomputed=Sums(*numbers[3:6]),
        outdated=numbers[6],
    )
