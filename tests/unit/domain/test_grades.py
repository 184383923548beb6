"""A grade is that of the worst of its components, and each says why."""

from typing import get_args

import pytest

from contracts.registry import Grade, Method
from contracts.tasks import Assignment, TimeBasis
from services.domain.grades import Assigned, Control, Evidence, graded

BEST = Evidence(frozenset({"holdout"}), frozenset({"random"}), frozenset({"measured"}), "drawn")


def evidence(
    baselines: set[Method] | None = None,
    assignments: set[Assigned] | None = None,
    time_bases: set[TimeBasis] | None = None,
    control: Control = "drawn",
) -> Evidence:
    return Evidence(
        frozenset(BEST.baselines if baselines is None else baselines),
        frozenset(BEST.assignments if assignments is None else assignments),
        frozenset(BEST.time_bases if time_bases is None else time_bases),
        control,
    )


def test_the_best_of_all_is_a_and_says_so_four_times() -> None:
    found = graded(BEST)
    assert found.grade == "A"
    assert [(why.component, why.value, why.grade) for why in found.reasons] == [
        ("baseline", "holdout", "A"),
        ("assignment", "random", "A"),
        ("time basis", "measured", "A"),
        ("control", "drawn", "A"),
    ]
    assert all(why.why for why in found.reasons)


@pytest.mark.parametrize(
    ("of", "grade", "component"),
    [
        (evidence(baselines={"concurrent"}), "B", "baseline"),
        (evidence(baselines={"history"}), "C", "baseline"),
        (evidence(baselines={"expert_estimate"}), "D", "baseline"),
        (evidence(baselines={"self_report"}), "D", "baseline"),
        (evidence(assignments={"staggered"}), "B", "assignment"),
        (evidence(assignments={"eligible"}), "B", "assignment"),
        (evidence(assignments={"chosen"}), "C", "assignment"),
        (evidence(time_bases={"elapsed"}), "B", "time basis"),
        (evidence(time_bases={"self_reported"}), "D", "time basis"),
        (evidence(control="not_yet_treated"), "B", "control"),
        (evidence(control="comparison"), "C", "control"),
        (evidence(control="none"), "C", "control"),
    ],
)
def test_one_component_spoils_it(of: Evidence, grade: Grade, component: str) -> None:
    found = graded(of)
    assert found.grade == grade
    assert [why.component for why in found.decisive] == [component]


def test_of_several_values_the_worst_counts_and_is_named() -> None:
    found = graded(evidence({"holdout", "history"}, {"random", "chosen", "eligible"}, {"measured", "elapsed"}))
    assert [why.value for why in found.reasons] == ["history", "chosen", "elapsed", "drawn"]
    assert found.grade == "C"


def test_a_comparison_is_never_above_c_and_says_that_it_is_not_causal() -> None:
    found = graded(evidence(control="comparison"))
    assert found.grade == "C"
    assert "Not causal" in found.decisive[0].why


def test_without_a_baseline_there_is_none_to_spoil_it() -> None:
    found = graded(evidence(baselines=set()))
    assert (found.grade, [why.component for why in found.reasons]) == ("A", ["assignment", "time basis", "control"])


def test_what_is_unknown_has_no_grade() -> None:
    with pytest.raises(ValueError, match="give the assignments and time bases"):
        graded(evidence(assignments=set()))
    with pytest.raises(ValueError, match="give the assignments and time bases"):
        graded(evidence(time_bases=set()))


def test_every_value_of_the_contract_has_a_grade() -> None:
    for assignment in get_args(Assignment):
        for time_basis in get_args(TimeBasis):
            for method in get_args(Method):
                assert graded(evidence({method}, {assignment}, {time_basis})).grade in "ABCD"
