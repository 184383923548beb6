"""What may be said: cells under the minimum grade are left out, with their reason and their net."""

import pytest

from contracts.registry import Grade, Method
from contracts.tasks import TimeBasis
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.grades import Assigned
from services.domain.effect.headline import Headline, Member, MemberEvidence, headline
from tests.unit.domain.effect.arms import Row, arm_sums

ERRORS = [BaselineError("old", "s", 1), BaselineError("said", "t", 1)]
METHODS: dict[str, Method] = {"old": "history", "said": "expert_estimate"}
Kind = tuple[str, int, Assigned, TimeBasis, str]
"""Task type, control tasks in a cluster, assignment, time basis, baseline."""


def rows(task_type: str, controls: int, baseline: str, authority: str = "A") -> list[Row]:
    """Thirty clusters in each arm; each treated task saves 3 of 10."""
    treated: list[Row] = [(authority, task_type, "low", "treated", f"t{i}", baseline, 1, 1, 7, 10) for i in range(30)]
    return treated + [
        (authority, task_type, "low", "control", f"c{i}", baseline, controls, controls, 10 * controls, 10 * controls)
        for i in range(30 if controls else 0)
    ]


def asked(kinds: list[Kind], minimum: Grade) -> Headline:
    evidence: dict[Member, MemberEvidence] = {
        ("A", task_type, "low"): MemberEvidence(
            frozenset({assignment}),
            frozenset({basis}),
            frozenset({baseline}),
        )
        for task_type, _, assignment, basis, baseline in kinds
    }
    sums = arm_sums([row for task_type, controls, *_, baseline in kinds for row in rows(task_type, controls, baseline)])
    return headline(sums, ERRORS, evidence, METHODS, minimum)


def left_out(found: Headline) -> list[tuple[str, str, int, int]]:
    return [
        (member[1], one.grade.decisive[0].component, one.tasks, one.net_ms)
        for one in found.excluded
        for member in one.members
    ]


SUFFICIENT: Kind = ("drawn", 7, "random", "measured", "said")
OPEN: Kind = ("open", 0, "eligible", "measured", "old")


def test_each_figure_has_its_grade_and_a_baseline_that_cancels_is_none_of_its_evidence() -> None:
    found = asked([SUFFICIENT, OPEN], "C")
    assert found.adjusted_grade is not None
    assert found.net_grade is not None
    assert (found.adjusted_grade.grade, found.net_grade.grade) == ("A", "C")
    assert "baseline" not in {reason.component for reason in found.adjusted_grade.reasons}
    assert found.excluded == ()
    assert found.kept.all()
    assert found.saving.adjusted is not None
    assert round(found.saving.adjusted.saving_ms) == found.saving.insufficient.net_ms == 90


@pytest.mark.parametrize(
    ("kind", "minimum", "component"),
    [
        (("x", 7, "random", "self_reported", "old"), "C", "time basis"),
        (("x", 7, "chosen", "measured", "old"), "B", "assignment"),
        (("x", 0, "random", "measured", "said"), "C", "baseline"),
        (("x", 0, "random", "measured", "old"), "B", "baseline"),
    ],
)
def test_what_is_too_weak_is_left_out_and_shown_beside(kind: Kind, minimum: Grade, component: str) -> None:
    found = asked([SUFFICIENT, kind], minimum)
    assert left_out(found) == [("x", component, 30, 90)]
    assert {cell.task_type for cell in found.saving.cells} == {"drawn"}
    assert (found.net_grade, found.saving.insufficient.net_ms) == (None, 0)
    assert found.kept.tolist() == [True] * 60 + [False] * (len(found.kept) - 60)


def test_a_member_that_is_too_weak_by_itself_takes_no_other_with_it_into_a_pooled_cell() -> None:
    """Two complexities of a task type are too small alone, and pooled. One has times that people said."""
    low = rows("t", 4, "old")
    high: list[Row] = [(row[0], row[1], "high", *row[3:]) for row in low]
    sums = arm_sums([*low, *high])

    def of(basis: TimeBasis) -> MemberEvidence:
        return MemberEvidence(frozenset({"random"}), frozenset({basis}), frozenset({"old"}))

    together = headline(sums, ERRORS, {("A", "t", c): of("measured") for c in ("low", "high")}, METHODS, "C")
    assert [(cell.complexity, cell.verdict, len(cell.members)) for cell in together.saving.cells] == [
        (None, "sufficient", 2)
    ]
    apart = {("A", "t", "low"): of("measured"), ("A", "t", "high"): of("self_reported")}
    found = headline(sums, ERRORS, apart, METHODS, "C")
    assert [one.members for one in found.excluded] == [frozenset({("A", "t", "high")})]
    assert [(cell.complexity, cell.verdict) for cell in found.saving.cells] == [("low", "insufficient")]


def test_evidence_that_is_missing_is_named() -> None:
    sums = arm_sums(rows("t", 0, "old"))
    with pytest.raises(ValueError, match="how the tasks of A, t, low were assigned"):
        headline(sums, ERRORS, {}, METHODS, "D")
    known = MemberEvidence(frozenset({"random"}), frozenset({"measured"}), frozenset({"old"}))
    with pytest.raises(ValueError, match="method of baseline 'old'"):
        headline(sums, ERRORS, {("A", "t", "low"): known}, {}, "D")
