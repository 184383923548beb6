"""The edge to ClickHouse of reports: sums by cluster out of the views that an auditor may read, and nothing else.

Everything but a trial is read as sums per cell, role, cluster and baseline version: what intervals need, and far fewer rows
than tasks. A task without a cluster is its own: a blank before its name keeps it apart from every token.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from contracts.events import epoch_ms, moment_at
from services.domain.figures.content import COLUMNS, figure_of
from services.domain.figures.shapes import Figure, ScopeKind
from services.reports.group import Group
from services.runtime.clickhouse import translated

_WHERE: Final = """({everybody:Bool} OR has({authorities:Array(String)}, authority))
    AND ({task_type:String} = '' OR task_type = {task_type:String})
    AND ({complexity:String} = '' OR complexity = {complexity:String})
    AND ({programme:String} = '' OR programme = {programme:String})
    AND ({study:String} = '' OR study = {study:String})
    AND completed_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND completed_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')"""
_CLUSTER: Final = "if(cluster = '', concat(' ', task), cluster)"
_VERSION: Final = "if(credit_ms IS NULL, '', concat(baseline, '/', toString(baseline_version)))"
_SUMS: Final = f"""
SELECT authority, task_type, complexity, role, {_CLUSTER} AS unit, {_VERSION} AS baseline_name,
       toInt64(count()) AS n, toInt64(countIf(credit_ms IS NOT NULL)) AS n_credit, sum(effort_ms) AS effort,
       sum(coalesce(credit_ms, 0)) AS credit,
       sumIf(counted_active_ms, credit_ms IS NOT NULL) AS active,
       sumIf(coalesce(review_ms, 0), credit_ms IS NOT NULL) AS review,
       sumIf(coalesce(rework_ms, 0), credit_ms IS NOT NULL) AS rework,
       sumIf(effort_ms, credit_ms IS NULL AND outcome = 'abandoned') AS abandoned,
       sumIf(effort_ms, credit_ms IS NULL AND outcome = 'escalated') AS escalated,
       sumIf(effort_ms, credit_ms IS NULL AND outcome = 'completed') AS induced,
       toInt64(countIf(completed_at > fromUnixTimestamp64Milli({{mature:Int64}}, 'UTC'))) AS young,
       sumIf(coalesce(credit_ms, 0) - effort_ms, completed_at > fromUnixTimestamp64Milli({{mature:Int64}}, 'UTC')) AS young_net
FROM {{measured}} WHERE role != 'comparison' AND {_WHERE}
GROUP BY authority, task_type, complexity, role, unit, baseline_name
ORDER BY authority, task_type, complexity, role, unit, baseline_name
"""
_EVIDENCE: Final = f"""
SELECT authority, task_type, complexity,
       arraySort(groupUniqArrayIf(toString(assignment), role = 'treated')) AS assignments,
       arraySort(groupUniqArray(toString(time_basis))) AS time_bases,
       arraySort(groupUniqArrayIf({_VERSION}, role = 'treated' AND credit_ms IS NOT NULL)) AS baselines
FROM {{measured}} WHERE role != 'comparison' AND {_WHERE}
GROUP BY authority, task_type, complexity HAVING countIf(role = 'treated') > 0
ORDER BY authority, task_type, complexity
"""
_MIX: Final = f"""
SELECT authority, task_type, complexity, work, audience, role, {_CLUSTER} AS unit, toInt64(count()) AS n,
       sum(effort_ms) AS effort, groupUniqArray(toString(assignment)) AS assignments,
       groupUniqArray(toString(time_basis)) AS time_bases
FROM {{measured}} WHERE {{roles}} AND {_WHERE}
GROUP BY authority, task_type, complexity, work, audience, role, unit
ORDER BY authority, task_type, complexity, work, audience, role, unit
"""
_DRAWN: Final = "arm != ''"
_ASSISTED: Final = "arm = ''"
_MONTHS: Final = f"""
SELECT authority, toInt64(12 * (toYear(completed_at) - 1970) + toMonth(completed_at) - 1) AS month,
       sum(effort_ms) AS effort, sum(coalesce(credit_ms, 0)) AS credit,
       toInt64(countIf(assistance != 'none')) AS assisted, groupUniqArray(toString(time_basis)) AS time_bases
FROM {{measured}} WHERE {_WHERE} GROUP BY authority, month ORDER BY authority, month
"""
_STUDIES: Final = f"""
SELECT study, count() FROM {{tasks}} WHERE study != '' AND arm != '' AND {_WHERE} GROUP BY study ORDER BY study
"""
_TRIAL: Final = f"""
SELECT concat(authority, ' ', {_CLUSTER}) AS unit, stratum, arm, outcome, time_basis, counted_active_ms, review_ms,
       rework_ms, predicted_without_ai_ms, predicted_with_ai_ms
FROM {{tasks}} WHERE arm != '' AND {_WHERE} ORDER BY authority, task
"""
_BASELINES: Final = """
SELECT concat(baseline, '/', toString(baseline_version)) AS name, any(evidence_source), any(standard_error_ms),
       any(if(level = 'authority', 0, coalesce(between_authority_sd_ms, 0))), any(method)
FROM {versions} WHERE kind = 'published' GROUP BY name ORDER BY name
"""
_AT_FIXED: Final = {
    "{measured}": "measured_roles",
    "{tasks}": "task_roles",
    "{versions}": "baseline_versions",
}
_AT_OTHER: Final = {
    "{measured}": "(SELECT * FROM task_roles_at_caps WHERE at = '{cap}' AND status = 'measured')",
    "{tasks}": "(SELECT * FROM task_roles_at_caps WHERE at = '{cap}')",
    "{versions}": "(SELECT * FROM baselines_at_caps WHERE at = '{cap}' AND isNotNull(standard_error_ms))",
}
_CAPPED: Final = f"""
SELECT countIf(status = 'measured'), countIf(status = 'unmeasured') FROM task_roles_at_caps
WHERE at = 'half' AND {_WHERE} AND (baseline, baseline_version) IN (
    SELECT baseline, baseline_version FROM baselines_at_caps WHERE at = 'half' AND isNotNull(cap_ms))
"""
_COUNTS: Final = f"""
SELECT count(), countIf(status = 'unmeasured'), countIf(status = 'incomplete'), countIf(capped = 1),
       countIf(status = 'measured' AND arm = '' AND assistance = 'none'), toUnixTimestamp64Milli(max(broker_time))
FROM {{tasks}} WHERE {_WHERE}
"""
_CLAIMS: Final = f"""
SELECT countIf(predicted_without_ai_ms IS NOT NULL AND predicted_with_ai_ms IS NOT NULL),
       sum(coalesce(predicted_without_ai_ms - predicted_with_ai_ms, 0)),
       countIf(time_basis = 'self_reported'), sumIf(saved_ms, time_basis = 'self_reported')
FROM {{measured}} WHERE role = 'treated' AND {_WHERE}
"""
_REALISED: Final = """
SELECT use, sumIf(realised_ms, NOT faulty), toInt64(countIf(NOT faulty)), toInt64(countIf(faulty))
FROM (SELECT *, authority IN (SELECT authority FROM realisation_faults) AS faulty FROM realisations)
WHERE ({everybody:Bool} OR has({authorities:Array(String)}, authority))
    AND ({programme:String} = '' OR programme = {programme:String})
    AND period_from >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND period_to <= fromUnixTimestamp64Milli({before:Int64}, 'UTC')
GROUP BY use ORDER BY use
"""
_WITHOUT_AI: Final = f"""
SELECT sum(effort_ms), sum(assumeNotNull(credit_ms)) FROM {{measured}}
WHERE role != 'treated' AND credit_ms IS NOT NULL AND {_WHERE}
"""
_SECTOR: Final = "SELECT authority FROM current_authorities WHERE sector = {sector:String} ORDER BY authority"
_FIGURES: Final = f"""
SELECT {", ".join(COLUMNS)}, toUnixTimestamp64Milli(published_at) FROM current_figures
WHERE scope_kind = {{kind:String}} AND (scope = {{name:String}} OR {{all:Bool}}) ORDER BY scope, period_kind, last_day
"""
_TARGETS: Final = "SELECT name, argMax(value, target_version), max(target_version) FROM target_versions GROUP BY name"


OtherCap = Literal["half", "double"]


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Tasks of a group; `compared`: measured, without AI and without a draw; `newest_ms`: the broker's time of the newest."""

    tasks: int
    unmeasured: int
    incomplete: int
    capped: int
    compared: int
    newest_ms: int


@dataclass(frozen=True, slots=True)
class ReportStore:
    """What ClickHouse holds now. Raises `Retry` or `Halt`. The columns of a table are those of its statement, times in ms.
    `cap`: all of it as if the idle cap were half as high, or twice; `None`: as it was fixed."""

    client: Client
    cap: OtherCap | None = None

    def at(self, cap: OtherCap) -> "ReportStore":
        """The same at another cap. Tasks whose baseline does not say its mean there are unmeasured."""
        return replace(self, cap=cap)

    def capped(self, group: Group) -> tuple[int, int]:
        """Measured tasks whose baseline carries a cap: of how many the credit at other caps is known, and of how many not."""
        ((known, unknown),) = self._rows(_CAPPED, group.parameters())
        return int(known), int(unknown)

    def figures(self, kind: ScopeKind, name: str | None = None) -> list[tuple[Figure, datetime]]:
        """The figures that are shown of one scope, or of all of a kind, with the time of their publication; in order of scope,
        kind of period and time."""
        rows = self._rows(_FIGURES, {"kind": kind, "name": name or "", "all": name is None})
        return [(figure_of(row[:-1]), moment_at(row[-1])) for row in rows]

    def authorities(self, sector: str) -> tuple[str, ...]:
        """The authorities that are in a sector now."""
        return tuple(str(cvr) for (cvr,) in self._rows(_SECTOR, {"sector": sector}))

    def targets(self) -> dict[str, tuple[float, int]]:
        """The newest value of each target or norm, with its version."""
        return {str(name): (float(value), int(version)) for name, value, version in self._rows(_TARGETS, {})}

    def baselines(self) -> list[tuple[Any, ...]]:
        """Name with version, source, standard error, tau (0 for an authority's own) and method of every version."""
        return self._rows(_BASELINES, {})

    def sums(self, group: Group, mature_until: datetime) -> pa.Table:
        """Of treated and control tasks. `young`: completed after `mature_until`."""
        return self._table(_SUMS, {**group.parameters(), "mature": epoch_ms(mature_until)})

    def evidence(self, group: Group) -> list[tuple[Any, ...]]:
        """Of each authority, task type and complexity with treated tasks: assignments, time bases, baseline versions."""
        return self._rows(_EVIDENCE, group.parameters())

    def drawn(self, group: Group) -> pa.Table:
        """The mix of tasks whose arm was drawn."""
        return self._table(_MIX.replace("{roles}", _DRAWN), group.parameters())

    def not_drawn(self, group: Group) -> pa.Table:
        """The mix of tasks whose arm was not drawn: done with AI, and without it."""
        return self._table(_MIX.replace("{roles}", _ASSISTED), group.parameters())

    def months(self, group: Group) -> pa.Table:
        """Effort and credit of all measured tasks per authority and month, and how many were done with AI."""
        return self._table(_MONTHS, group.parameters())

    def studies(self, group: Group) -> list[tuple[str, int]]:
        """Registered trials and how many tasks were drawn in each."""
        return [(str(name), int(tasks)) for name, tasks in self._rows(_STUDIES, group.parameters())]

    def trial(self, group: Group) -> pa.Table:
        """Every task that was drawn, a task a row."""
        return self._table(_TRIAL, group.parameters())

    def counts(self, group: Group) -> TaskCounts:
        """How many tasks there are."""
        ((*counts,),) = self._rows(_COUNTS, group.parameters())
        return TaskCounts(*map(int, counts))

    def without_ai(self, group: Group) -> tuple[int, int]:
        """Effort and credit of the control and comparison tasks that earn credit."""
        ((effort, credit),) = self._rows(_WITHOUT_AI, group.parameters())
        return int(effort), int(credit)

    def claims(self, group: Group) -> tuple[int, int, int, int]:
        """Of treated tasks: with both predictions, and Σ predicted without AI - with it; self-reported, and Σ saved."""
        ((*found,),) = self._rows(_CLAIMS, group.parameters())
        predicted, expected_ms, reported, reported_ms = (int(value or 0) for value in found)
        return predicted, expected_ms, reported, reported_ms

    def realised(self, group: Group) -> list[tuple[str, int, int, int]]:
        """Per use: Σ confirmed, of how many confirmations whose period lies within the group's, and how many more are in no
        sum, since their authority has one at fault (docs/adr/0009)."""
        rows = self._rows(_REALISED, group.parameters())
        return [(str(use), int(ms), int(count), int(faulty)) for use, ms, count, faulty in rows]

    def _rows(self, sql: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
        with translated():
            return [tuple(row) for row in self.client.query(self._sql(sql), parameters=parameters).result_rows]

    def _table(self, sql: str, parameters: dict[str, object]) -> pa.Table:
        with translated():
            return self.client.query_arrow(self._sql(sql), parameters=parameters, use_strings=True)

    def _sql(self, statement: str) -> str:
        """The statement over what the cap makes of tasks and baselines."""
        for name, source in (_AT_FIXED if self.cap is None else _AT_OTHER).items():
            statement = statement.replace(name, source.replace("{cap}", self.cap or ""))
        return statement
