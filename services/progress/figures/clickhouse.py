"""The edge to ClickHouse of figures: views that an auditor may read, and the table `figures`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from contracts.events import moment_at
from contracts.registry import Grade
from services.domain.figures.computing import Known
from services.domain.figures.content import COLUMNS, content_of, key_of
from services.domain.figures.shapes import Figure, Period, Scope
from services.progress.figures.publishing import Standing
from services.reports import inputs
from services.reports.basis import methods_of, minimum_grade
from services.reports.clickhouse import ReportStore
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_STANDING: Final = """
WITH now64(3, 'UTC') - toIntervalSecond(2) AS settled
SELECT toUnixTimestamp64Milli(settled), count(), sum(sipHash64(authority, day, seq)),
       (SELECT max(generation) FROM baseline_versions), (SELECT max(generation) FROM authority_versions),
       (SELECT sum(target_version) FROM target_versions)
FROM publications WHERE published_at <= settled AND shown_until > settled
"""
_SHOWN: Final = """published_at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND shown_until > fromUnixTimestamp64Milli({at:Int64}, 'UTC')"""
_MONTH: Final = "toInt64(12 * (toYear(day) - 1970) + toMonth(day) - 1)"
_CLUSTERS: Final = f"""
SELECT authority, {_MONTH} AS month, task_type, complexity, role, reinterpretAsInt64(sipHash64(cluster)) AS unit,
       if(baseline = '', '', concat(baseline, '/', toString(baseline_version))) AS baseline_name,
       toInt64(sum(n)) AS n, toInt64(sum(n_credit)) AS n_credit, sum(effort_ms) AS effort, sum(credit_ms) AS credit,
       sum(active_ms) AS active, sum(review_ms) AS review, sum(rework_ms) AS rework, sum(abandoned_ms) AS abandoned,
       sum(escalated_ms) AS escalated, sum(induced_ms) AS induced
FROM published_cluster_sums WHERE {_SHOWN}
GROUP BY authority, month, task_type, complexity, role, unit, baseline_name
"""
_TALLIES: Final = f"""
SELECT authority, {_MONTH} AS month, task_type, complexity, role, status, assignment, time_basis,
       concat(baseline, '/', toString(baseline_version)) AS baseline_name,
       toInt64(sum(n)) AS n, toInt64(sum(n_credit)) AS n_credit, toInt64(sumIf(rows.n, day >= {{young:Date}})) AS young
FROM published_progress AS rows WHERE {_SHOWN}
GROUP BY authority, month, task_type, complexity, role, status, assignment, time_basis, baseline_name
"""
_SECTORS: Final = "SELECT toString(authority), toString(sector) FROM current_authorities"
_MARKED: Final = "SELECT *, reinterpretAsInt64(sipHash64(*)) AS mark FROM ({})"
_ARROW: Final = {"output_format_arrow_low_cardinality_as_dictionary": 1}
_CURRENT: Final = f"SELECT {', '.join(COLUMNS)} FROM current_figures"


@dataclass(frozen=True, slots=True)
class FigureStore:
    """`Store` of who publishes figures."""

    client: Client

    def standing(self) -> Standing:
        """What figures depend on, now."""
        ((at_ms, *state),) = self._rows(_STANDING)
        return Standing(int(at_ms), tuple(map(int, state)))

    def clusters(self, at_ms: int) -> pa.Table:
        """Sums by cluster and month of treated and control tasks, as shown then. A cluster is a 64-bit hash of its token: that two
        of ten million share one has a chance of 3 in a million, and would join two clusters in a variance."""
        return self._table(_MARKED.format(_CLUSTERS), {"at": at_ms})

    def tallies(self, at_ms: int, young: date) -> pa.Table:
        """Tasks of each kind by month, as shown then; `young`: of this day or later."""
        return self._table(_MARKED.format(_TALLIES), {"at": at_ms, "young": young.isoformat()})

    def known(self) -> Known:
        """Sectors, baselines and the minimum grade, now."""
        reports = ReportStore(self.client)
        baselines = reports.baselines()
        sectors = {str(authority): str(sector) for authority, sector in self._rows(_SECTORS)}
        return Known(
            sectors, inputs.baseline_errors(baselines), methods_of(baselines), minimum_grade(reports.targets())[0]
        )

    def current(self) -> dict[tuple[Scope, Period], tuple[Any, ...]]:
        """The figures that are shown, each as `content_of` has it."""
        rows = (tuple(_plain(value) for value in row) for row in self._rows(_CURRENT))
        return {key_of(row): row for row in rows}

    def write(self, figures: Sequence[Figure], minimum: Grade, at_ms: int, generation: int) -> None:
        """Stores figures; the database says when."""
        rows = [[*content_of(figure, minimum), moment_at(at_ms), generation] for figure in figures]
        with translated():
            self.client.insert(
                "figures", rows, column_names=(*COLUMNS, "shown_at", "generation"), settings=INSERT_SETTINGS
            )

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        with translated():
            return [tuple(row) for row in self.client.query(sql).result_rows]

    def _table(self, sql: str, parameters: dict[str, object]) -> pa.Table:
        with translated():
            return self.client.query_arrow(sql, parameters=parameters, settings=_ARROW, use_strings=True)


def _plain(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
