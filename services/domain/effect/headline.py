"""What may be said: the adjusted saving and the net, without the cells whose grade is under the one that was set in advance.

The grade of a cell is the worst of its baseline, assignment, time basis and control (`services.domain.effect.grades`). A
baseline that cancels does not enter it: a sufficient control with one baseline in the cell needs none. What is left out is
shown beside the figure with its reason and its net, and is in no interval of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from contracts.registry import Grade, Method
from contracts.tasks import TimeBasis
from services.domain.arrays import Codes, Mask
from services.domain.clusters.codes import combined, equal_to, numbered
from services.domain.effect.adjusted import AdjustedSaving, CellResult, adjusted_saving
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.grades import Assigned, Evidence, Graded, graded

Member = tuple[str, str, str]
"""Authority, task type, complexity."""


@dataclass(frozen=True, slots=True)
class MemberEvidence:
    """What occurs among the tasks of a member: assignments and baseline versions of the treated, time bases of both arms."""

    assignments: frozenset[Assigned]
    time_bases: frozenset[TimeBasis]
    baselines: frozenset[str]


@dataclass(frozen=True, slots=True)
class Excluded:
    """A cell that is left out: its grade with the reasons, its treated tasks and their net, milliseconds."""

    members: frozenset[Member]
    grade: Graded
    tasks: int
    net_ms: int


@dataclass(frozen=True, slots=True)
class Headline:
    """The saving of the cells that may be shown, the grade of each of its two figures (`None` where there are no tasks), and
    what is left out. `kept`: the rows of the sums that are in it, shape (m,)."""

    saving: AdjustedSaving
    adjusted_grade: Graded | None
    net_grade: Graded | None
    excluded: tuple[Excluded, ...]
    kept: Mask


def headline(
    sums: ArmSums,
    errors: Iterable[BaselineError],
    evidence: Mapping[Member, MemberEvidence],
    methods: Mapping[str, Method],
    minimum: Grade,
) -> Headline:
    """The headline of the group that these sums describe.

    `evidence` has every member with treated tasks, `methods` every baseline version among them. First what is too weak
    whatever control it has is left out, so that it takes no other with it into a pooled cell; then cells, until none is too
    weak. Raises `ValueError` as `adjusted_saving` does, or where evidence is missing.
    """
    rows = _Rows(sums, evidence, methods, *_numbered_members(sums))
    known = list(errors)
    of_themselves = ((member, rows.of_itself(member)) for member in rows.with_treated())
    excluded = [rows.excluded(frozenset({member}), grade) for member, grade in of_themselves if grade.grade > minimum]
    while True:
        kept = rows.outside(excluded)
        found = adjusted_saving(sums.only(kept), known)
        grades = ((cell, rows.grade([cell])) for cell in found.cells)
        weak = [rows.excluded(cell.members, grade) for cell, grade in grades if grade and grade.grade > minimum]
        if not weak:
            break
        excluded += weak
    with_saving = [cell for cell in found.cells if cell.saving is not None]
    without = [cell for cell in found.cells if cell.saving is None]
    return Headline(found, rows.grade(with_saving), rows.grade(without), tuple(excluded), kept)


@dataclass(frozen=True, slots=True)
class _Rows:
    sums: ArmSums
    evidence: Mapping[Member, MemberEvidence]
    methods: Mapping[str, Method]
    members: list[Member]
    member: Codes
    """Of each row, its place in `members`."""

    def with_treated(self) -> list[Member]:
        """The members that have treated tasks."""
        return [self.members[place] for place in np.unique(self.member[self._treated]).tolist()]

    def of_itself(self, member: Member) -> Graded:
        """The best grade that a member can have, under a control that was drawn and with a baseline that cancels."""
        if member not in self.evidence:
            raise ValueError(f"nothing is known of how the tasks of {', '.join(member)} were assigned and timed")
        found = self.evidence[member]
        return graded(Evidence(frozenset(), found.assignments, found.time_bases, "drawn"))

    def grade(self, cells: Iterable[CellResult]) -> Graded | None:
        """The grade of cells together; `None` where they have no treated task."""
        cells = [cell for cell in cells if cell.treated.tasks]
        if not cells:
            return None
        assignments, time_bases, methods = set[Assigned](), set[TimeBasis](), set[Method]()
        for cell in cells:
            parts = [self.evidence[member] for member in sorted(cell.members) if member in self.evidence]
            for part in parts:
                assignments |= part.assignments
                time_bases |= part.time_bases
            used = cell.baselines if cell.saving is not None else frozenset().union(*(part.baselines for part in parts))
            methods |= {self._method(baseline) for baseline in used}
        drawn = all(cell.saving is not None for cell in cells)
        return graded(
            Evidence(frozenset(methods), frozenset(assignments), frozenset(time_bases), "drawn" if drawn else "none")
        )

    def excluded(self, members: frozenset[Member], grade: Graded) -> Excluded:
        """What the treated rows of these members come to."""
        sums = self.sums
        inside = self._treated & self._within(members)
        net_ms = int(sums.credit_ms[inside].sum()) - int(sums.effort_ms[inside].sum())
        return Excluded(members, grade, int(sums.n[inside].sum()), net_ms)

    def outside(self, excluded: Iterable[Excluded]) -> Mask:
        """The rows that are not left out, shape (m,)."""
        return ~self._within(frozenset[Member]().union(*(one.members for one in excluded)))

    @property
    def _treated(self) -> Mask:
        return equal_to(self.sums.role, "treated")

    def _within(self, members: frozenset[Member]) -> Mask:
        chosen = np.array([member in members for member in self.members], dtype=np.bool_)
        inside: Mask = chosen[self.member]
        return inside

    def _method(self, baseline: str) -> Method:
        if baseline not in self.methods:
            raise ValueError(f"nothing is known of the method of baseline {baseline!r}")
        return self.methods[baseline]


def _numbered_members(sums: ArmSums) -> tuple[list[Member], Codes]:
    """The members, and of each row the place of its member among them."""
    columns = [numbered(column) for column in (sums.authority, sums.task_type, sums.complexity)]
    code = combined(*(codes for _, codes in columns))
    _, example = np.unique(code, return_index=True)
    names = [[str(name) for name in found[codes[example]]] for found, codes in columns]
    return list(zip(*names, strict=True)), code
