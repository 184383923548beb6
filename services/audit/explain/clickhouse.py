"""The edge to ClickHouse for explaining: views that an auditor may read, and nothing else."""

from typing import Any, Final

from contracts import topics
from contracts.events import moment_at
from services.audit.explain.arithmetic import Figures
from services.audit.explain.task import Baseline, Restated, Seal, Share, Stored, TaskEvent, TaskExplained
from services.audit.explain.total import Line, Selection, Sums, TotalExplained
from services.audit.recompute.clickhouse import EVER, TREATED, RecomputationStore

_ONE: Final = "topic = {topic:String} AND task = {task:String}"
_PLACE: Final = (
    "concat(toString(log_no), '/frigjort.tasks.v1.', authority, '/', toString(partition), '/', toString(offset))"
)
_EVENTS: Final = f"""
SELECT {_PLACE}, toUnixTimestamp64Milli(broker_time), event_type, event_source, event_id,
       JSONExtractString(payload, 'dataschema'), lower(hex(digest)), lower(hex(leaf)), rules, revision, kind = 2, toString(rank),
       readable
FROM task_events WHERE {_ONE} ORDER BY broker_time, log_no, partition, offset
"""
_FIGURES: Final = f"""
SELECT since_generation, if(until_generation = toUInt64(-1), NULL, until_generation), time_basis, assistance, origin, outcome,
       active_ms, review_ms, rework_ms, r.baseline, r.baseline_version, baseline_level, b.cap_ms, status, counted_active_ms,
       effort_ms, credit_ms, saved_ms
FROM recomputed_states(at = {EVER}) AS r LEFT JOIN published_baselines AS b ON r.baseline_generation = b.generation
WHERE {_ONE} AND kind = 1 ORDER BY since_generation
"""
_STORED: Final = f"""
SELECT kind = 2, revision, {_PLACE}, rules, generation, status, effort_ms, credit_ms, saved_ms,
       (authority, task) IN (SELECT authority, task FROM stale_measurements WHERE authority = {{authority:String}}),
       {TREATED}, baseline, baseline_version, log_no, partition, offset
FROM measurement_rows WHERE authority = {{authority:String}} AND task = {{task:String}}
"""
_BASELINE: Final = """
SELECT baseline, baseline_version, generation, toUnixTimestamp64Milli(published_at), level, task_type, complexity,
       toUnixTimestamp64Milli(valid_from), toUnixTimestamp64Milli(least(valid_to, expires_at)), mean_ms, standard_error_ms,
       cap_ms, n, clusters, method, grade, evidence_source, evidence_sha256, proposed_by, approved_by
FROM baseline_versions
WHERE kind = 'published' AND baseline = {baseline:String} AND baseline_version = {version:UInt32}
"""
_MOMENTS: Final = (3, 7, 8)
_RESTATED: Final = """
SELECT toUnixTimestamp64Milli(started_at), requested_by, reason, authority, tasks, changed FROM restatement_runs
WHERE generation = {generation:UInt64} AND authority IN ('', {authority:String}) ORDER BY started_at
"""
_SEAL: Final = """
SELECT last_offset, lower(hex(chain)), records FROM checkpoints
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16} AND last_offset >= {offset:UInt64}
ORDER BY last_offset, chain LIMIT 1
"""
_SHARE: Final = """
SELECT sumIf(freed_ms, authority = {authority:String}), sum(freed_ms) FROM hours_freed_by_authority
"""
_SELECTED: Final = """
(empty({authorities:Array(String)}) OR authority IN {authorities:Array(String)})
AND ({task_type:String} = '' OR task_type = {task_type:String}) AND ({day:String} = '' OR toString(day) = {day:String})
"""
_LINES: Final = f"""
SELECT standing, why, credit_from, version, any(toString(t.grade)), any(b.mean_ms), count() AS tasks, sum(counted_active_ms), sum(review_ms),
       sum(rework_ms), sum(effort_ms), sumIf(credit_ms, credited), sum(saved_ms), groupArraySorted(3)((toString(authority), task))
FROM (
    SELECT *, status = 'measured' AND credit_ms IS NOT NULL AS credited,
           if(status = 'measured' AND role != 'treated', role, toString(status)) AS standing,
           multiIf(status = 'unmeasured', 'no baseline', status = 'incomplete', 'review or rework unknown', credited, 'credited',
                   outcome != 'completed', toString(outcome), toString(origin)) AS why,
           if(credited, toString(baseline), '') AS credit_from, if(credited, baseline_version, 0) AS version
    FROM task_roles WHERE {_SELECTED}
) AS t LEFT JOIN (
    SELECT toString(baseline) AS named, baseline_version AS numbered, mean_ms FROM baseline_versions WHERE kind = 'published'
) AS b ON t.credit_from = b.named AND t.version = b.numbered
GROUP BY standing, why, credit_from, version
ORDER BY standing != 'measured', tasks DESC, standing, why, credit_from, version
"""
_SHOWN: Final = f"""
SELECT count(), sumIf(saved_ms, status = 'measured' AND role = 'treated') FROM task_roles WHERE {_SELECTED}
"""


class ExplanationStore(RecomputationStore):
    """Views alone. Raises `Retry` or `Halt`."""

    def task(self, authority: str, task: str) -> TaskExplained:
        """All that there is about a task; without events and without anything stored where it is unknown."""
        one = {"authority": authority, "task": task, "topic": topics.tasks_topic(authority)}
        kept = next(iter(self.rows(_STORED, **one)), None)
        stored = None if kept is None else _stored(*kept[:11])
        ((own, nation),) = self.rows(_SHARE, **one)
        return TaskExplained(
            authority=authority,
            task=task,
            events=tuple(_event(*row) for row in self.rows(_EVENTS, **one)),
            figures=tuple(Figures(*row) for row in self.rows(_FIGURES, **one)),
            stored=stored,
            baseline=None if kept is None else self._baseline(*kept[11:13]),
            restatements=() if stored is None else self._restated(stored.generation, one),
            seal=None if kept is None else self._seal(one, *kept[13:]),
            share=Share(int(own or 0), int(nation or 0)),
        )

    def total(self, selection: Selection) -> TotalExplained:
        """A total of the tasks that are selected, line by line."""
        asked = {
            "authorities": sorted(selection.authorities),
            "task_type": selection.task_type,
            "day": selection.day.isoformat() if selection.day else "",
        }
        ((tasks, saved),) = self.rows(_SHOWN, **asked)
        return TotalExplained(tuple(_line(*row) for row in self.rows(_LINES, **asked)), int(tasks), int(saved or 0))

    def _baseline(self, baseline: str, version: int) -> Baseline | None:
        rows = self.rows(_BASELINE, baseline=baseline, version=version)
        return next((Baseline(*_with_moments(row)) for row in rows), None)

    def _seal(self, one: dict[str, Any], log_no: int, partition: int, offset: int) -> Seal | None:
        rows = self.rows(_SEAL, **one, log_no=log_no, partition=partition, offset=offset)
        return next((Seal(*row) for row in rows), None)

    def _restated(self, generation: int, one: dict[str, Any]) -> tuple[Restated, ...]:
        rows = self.rows(_RESTATED, generation=generation, **one)
        return tuple(Restated(moment_at(started), *rest) for started, *rest in rows)


def _stored(retracted: int, *rest: Any) -> Stored:
    *columns, stale, treated = rest
    return Stored(*[bool(retracted), *columns, bool(stale), bool(treated)])


def _with_moments(row: tuple[Any, ...]) -> list[Any]:
    """A row of `_BASELINE` with its moments."""
    return [moment_at(value) if at in _MOMENTS else value for at, value in enumerate(row)]


def _event(place: str, at: int, *rest: Any) -> TaskEvent:
    *columns, retraction, rank, readable = rest
    return TaskEvent(*[place, moment_at(at), *columns, bool(retraction), int(rank), bool(readable)])


def _line(standing: str, why: str, baseline: str, version: int, grade: str, mean: int, *rest: Any) -> Line:
    *numbers, examples = rest
    credited = bool(baseline)
    return Line(
        standing=standing,
        why=why,
        baseline=baseline,
        baseline_version=version,
        grade=grade if credited else "",
        mean_ms=mean if credited else None,
        sums=Sums(*(int(number or 0) for number in numbers)),
        examples=tuple((str(authority), str(task)) for authority, task in examples),
    )
