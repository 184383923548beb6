"""Figures from sums by cluster and tallies by cell: one pass over the rows of a scope and period for each. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa

from contracts.registry import Grade, Method
from services.domain.arrays import Codes, Integers, Mask
from services.domain.clusters.codes import Coded, combined, equal_to, numbered
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.drift import drift_of_all
from services.domain.effect.headline import Member, MemberEvidence, headline
from services.domain.effect.waterfall import StepSums, waterfall
from services.domain.figures.shapes import Counts, Figure, Period, Scope
from services.domain.sums import arm_sums, step_sums
from services.domain.tables import coded, integers


@dataclass(frozen=True, slots=True)
class Known:
    """What is known beside the tasks: the sector of each authority, errors and method of each baseline version, and the grade
    that was set in advance."""

    sectors: Mapping[str, str]
    errors: Sequence[BaselineError]
    methods: Mapping[str, Method]
    minimum: Grade


@dataclass(frozen=True, slots=True)
class Cells:
    """Authority, task type and month of rows, shape (m,), and which of them are of a scope and period."""

    authority: Coded
    task_type: Coded
    month: Integers
    sector: Coded

    @classmethod
    def of(cls, table: pa.Table, sectors: Mapping[str, str]) -> "Cells":
        """From a table with these columns."""
        authority = coded(table, "authority")
        of_names = [sectors.get(str(name), "") for name in authority.names]
        names, code = np.unique(np.array(of_names, dtype=np.str_), return_inverse=True)
        return cls(
            authority, coded(table, "task_type"), integers(table, "month")[0], Coded(names, code[authority.codes])
        )

    def of_scope(self, scope: Scope) -> Mask:
        """The rows of a scope, whenever they were."""
        if scope.kind == "nation":
            return np.ones(len(self.month), dtype=np.bool_)
        return equal_to(getattr(self, scope.kind), scope.name)

    def only(self, rows: Mask) -> "Cells":
        """These rows."""
        return Cells(self.authority.at(rows), self.task_type.at(rows), self.month[rows], self.sector.at(rows))


@dataclass(frozen=True, slots=True)
class Marked:
    """A figure with what tells its rows from others: sums of 64-bit marks of them, modulo 2^64."""

    mark: tuple[int, int]
    figure: Figure


Key: TypeAlias = tuple[Scope, Period]
NONE: Final[Mapping[Key, Marked]] = {}


class Book:
    """What figures are computed from: `clusters` and `tallies` as `services.progress.figures.clickhouse` reads them, of one moment."""

    def __init__(self, clusters: pa.Table, tallies: pa.Table, known: Known) -> None:
        """Raises `ValueError` where sums contradict each other."""
        self._known = known
        self._sums = arm_sums(clusters)
        self._steps = step_sums(clusters)
        self._clusters = Cells.of(clusters, known.sectors)
        self._marks = integers(clusters, "mark")[0]
        self._tallies = Tallies.of(tallies, known.sectors)

    @property
    def authorities(self) -> list[str]:
        """Whoever has tasks."""
        return [str(name) for name in numbered(self._tallies.cells.authority)[0]]

    @property
    def sectors(self) -> list[str]:
        """The sectors of these authorities."""
        return [str(name) for name in numbered(self._tallies.cells.sector)[0] if name]

    @property
    def task_types(self) -> list[str]:
        """Whatever tasks there are."""
        return [str(name) for name in numbered(self._tallies.cells.task_type)[0]]

    def months(self, scope: Scope) -> list[int]:
        """The months in which a scope has tasks, in order."""
        cells = self._tallies.cells
        return [int(month) for month in np.unique(cells.month[cells.of_scope(scope)])]

    @property
    def first_with_ai(self) -> int | None:
        """The first month with a measured task that was done with AI, or drawn to be; `None`: there is none."""
        months = self._tallies.cells.month[self._tallies.treated]
        return int(months.min()) if len(months) else None

    def figures(self, scope: Scope, periods: Iterable[Period], before: Mapping[Key, Marked] = NONE) -> list[Marked]:
        """The figures of a scope. What was computed `before`, with the same `Known`, is not computed again where its rows are the same.
        Raises `ValueError` where the sums are not of the same tasks as the tallies."""
        rows = self._clusters.of_scope(scope)
        part = _Part(
            self._known,
            self._sums.only(rows),
            self._steps.only(rows),
            self._clusters.month[rows],
            self._marks[rows],
            self._tallies.only(self._tallies.cells.of_scope(scope)),
        )
        found = []
        for period in periods:
            mark, known = part.mark(period), before.get((scope, period))
            same = known is not None and known.mark == mark
            found.append(known if known is not None and same else Marked(mark, part.figure(scope, period)))
        return found


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one scope."""

    known: Known
    sums: ArmSums
    steps: StepSums
    month: Integers
    marks: Integers
    tallies: "Tallies"

    def mark(self, period: Period) -> tuple[int, int]:
        """What tells the rows of a period from others."""
        sums, tallies = period.of(self.month), period.of(self.tallies.cells.month)
        return int(self.marks[sums].sum()), int(self.tallies.marks[tallies].sum())

    def figure(self, scope: Scope, period: Period) -> Figure:
        rows, tallies = period.of(self.month), self.tallies.only(period.of(self.tallies.cells.month))
        counts = tallies.counts()
        if not rows.any():
            return Figure(scope, period, counts, (), None, None, None, 0)
        sums, errors = self.sums.only(rows), self.known.errors
        found = headline(sums, errors, tallies.evidence(), self.known.methods, self.known.minimum)
        kept = np.flatnonzero(rows)[equal_to(sums.role, "treated") & found.kept]
        sufficient = [cell for cell in found.saving.cells if cell.saving is not None]
        return Figure(
            scope=scope,
            period=period,
            counts=replace(
                counts,
                controlled=sum(cell.treated.tasks for cell in sufficient),
                excluded=sum(one.tasks for one in found.excluded),
            ),
            steps=waterfall(self.steps.only(kept), errors, found.saving) if len(kept) else (),
            adjusted_grade=found.adjusted_grade.grade if found.adjusted_grade else None,
            net_grade=found.net_grade.grade if found.net_grade else None,
            drift=drift_of_all(sums, errors),
            excluded_net_ms=sum(one.net_ms for one in found.excluded),
        )


@dataclass(frozen=True, slots=True)
class Tallies:
    """How many tasks there are of each kind, shape (m,), and how they were assigned and timed."""

    cells: Cells
    complexity: Coded
    role: Coded
    status: Coded
    assignment: Coded
    time_basis: Coded
    baseline: Coded
    n: Integers
    n_credit: Integers
    young: Integers
    marks: Integers

    @classmethod
    def of(cls, table: pa.Table, sectors: Mapping[str, str]) -> "Tallies":
        """From the table of tallies."""
        return cls(
            cells=Cells.of(table, sectors),
            complexity=coded(table, "complexity"),
            role=coded(table, "role"),
            status=coded(table, "status"),
            assignment=coded(table, "assignment"),
            time_basis=coded(table, "time_basis"),
            baseline=coded(table, "baseline_name"),
            n=integers(table, "n")[0],
            n_credit=integers(table, "n_credit")[0],
            young=integers(table, "young")[0],
            marks=integers(table, "mark")[0],
        )

    def only(self, rows: Mask) -> "Tallies":
        """These rows."""
        return Tallies(
            cells=self.cells.only(rows),
            complexity=self.complexity.at(rows),
            role=self.role.at(rows),
            status=self.status.at(rows),
            assignment=self.assignment.at(rows),
            time_basis=self.time_basis.at(rows),
            baseline=self.baseline.at(rows),
            n=self.n[rows],
            n_credit=self.n_credit[rows],
            young=self.young[rows],
            marks=self.marks[rows],
        )

    @property
    def measured(self) -> Mask:
        """Where tasks are measured."""
        return equal_to(self.status, "measured")

    @property
    def treated(self) -> Mask:
        """Where measured tasks were done with AI, or drawn to be."""
        return self.measured & equal_to(self.role, "treated")

    def counts(self) -> Counts:
        """Of all rows; what only a headline knows is 0."""

        def tasks(where: Mask) -> int:
            return int(self.n[where].sum())

        return Counts(
            tasks=int(self.n.sum()),
            measured=tasks(self.measured),
            unmeasured=tasks(equal_to(self.status, "unmeasured")),
            incomplete=tasks(equal_to(self.status, "incomplete")),
            treated=tasks(self.treated),
            control=tasks(self.measured & equal_to(self.role, "control")),
            compared=tasks(self.measured & equal_to(self.role, "comparison")),
            controlled=0,
            provisional=int(self.young[self.treated].sum()),
            excluded=0,
        )

    def evidence(self) -> dict[Member, MemberEvidence]:
        """Of each authority, task type and complexity with treated tasks."""
        drawn = self.measured & ~equal_to(self.role, "comparison")
        index = np.flatnonzero(drawn)
        member = combined(
            self.cells.authority.codes[index], self.cells.task_type.codes[index], self.complexity.codes[index]
        )
        treated = self.treated[index]
        credited = treated & (self.n_credit[index] > 0)
        _, example = np.unique(member, return_index=True)
        columns = (self.cells.authority, self.cells.task_type, self.complexity)
        names = list(zip(*(column.names[column.codes[index[example]]].tolist() for column in columns), strict=True))
        assignments = _sets(member[treated], self.assignment.at(index[treated]))
        time_bases = _sets(member, self.time_basis.at(index))
        baselines = _sets(member[credited], self.baseline.at(index[credited]))
        return {
            names[code]: MemberEvidence(of, time_bases[code], baselines.get(code, frozenset()))
            for code, of in assignments.items()
        }


def _sets(member: Codes, column: Coded) -> dict[int, frozenset[Any]]:
    """The values that occur in each member."""
    pairs = np.unique(member * len(column.names) + column.codes)
    found: dict[int, set[str]] = {}
    for pair in pairs.tolist():
        found.setdefault(pair // len(column.names), set()).add(str(column.names[pair % len(column.names)]))
    return {code: frozenset(values) for code, values in found.items()}
