"""AI without any effect, chosen for the quicker tasks: the comparison shows a saving, a lot shows none, and grades say why."""

from dataclasses import replace

import numpy as np

from contracts.tasks import TimeBasis
from services.domain.balance import PostStratified, balance, post_stratified
from services.domain.comparison import NOT_CAUSAL, Comparison, comparison
from services.domain.mix import TaskMix
from services.domain.refusal import Refusal

MEASURED: frozenset[TimeBasis] = frozenset({"measured"})
MINUTE = 60_000


def authority(random: np.random.Generator, drawn: bool) -> tuple[TaskMix, np.ndarray]:
    """2,000 tasks of 500 cases in four cells. AI changes nothing. It is drawn by case, or chosen for tasks that look quick:
    people see how hard a task is, which its cell does not hold."""
    case = np.repeat(np.arange(500), 4)
    cell = random.integers(0, 4, 2000)
    hardness = random.normal(0, 0.5, 2000)
    effort = 10 * MINUTE * (1 + cell) * np.exp(hardness + random.normal(0, 0.4, 2000))
    looks_quick = hardness + random.normal(0, 0.5, 2000) < 0
    assisted = (random.random(500) < 0.5)[case] if drawn else looks_quick
    mix = TaskMix(
        assisted,
        [f"local:t{c // 2}" for c in cell],
        [("low", "high")[c % 2] for c in cell],
        ["core"] * 2000,
        ["citizen"] * 2000,
        [""] * 2000,
        [str(c) for c in case],
    )
    return mix, effort


def compared(mix: TaskMix, effort: np.ndarray) -> Comparison:
    found = comparison(mix, effort, frozenset({"chosen"}), MEASURED)
    assert isinstance(found, Comparison)
    return found


def test_choosing_the_quicker_tasks_looks_like_a_saving_and_is_labelled() -> None:
    mix, effort = authority(np.random.default_rng(1), drawn=False)
    found = compared(mix, effort)
    freed = found.post_stratified.freed
    share = freed.freed_ms / freed.cost_ms
    assert freed.low_ms > 0
    assert 0.4 < share < 1.5
    assert found.label == NOT_CAUSAL == "not causal"


def test_its_grade_says_why_it_is_not_causal() -> None:
    found = compared(*authority(np.random.default_rng(1), drawn=False))
    assert found.grade.grade == "C"
    why = {reason.component: reason for reason in found.grade.decisive}
    assert set(why) == {"assignment", "control"}
    assert why["assignment"].value == "chosen"
    assert "chose the quicker ones" in why["assignment"].why
    assert "not drawn" in why["control"].why


def test_no_known_cell_gives_the_choice_away() -> None:
    found = balance(authority(np.random.default_rng(1), drawn=False)[0])
    assert not isinstance(found, Refusal)
    assert all(abs(cell.standardised_difference or 0) < 0.1 for cell in found.cells)


def test_drawn_by_lot_the_same_authority_saves_nothing() -> None:
    random = np.random.default_rng(20_260_303)
    held = []
    for _ in range(200):
        found = post_stratified(*authority(random, drawn=True))
        assert isinstance(found, PostStratified)
        held.append(found.freed.low_ms <= 0 <= found.freed.high_ms)
    assert 0.91 <= np.mean(held) <= 0.985


def test_tasks_of_one_kind_only_are_refused() -> None:
    mix, effort = authority(np.random.default_rng(1), drawn=False)
    all_assisted = replace(mix, treated=np.ones_like(mix.treated))
    assert isinstance(comparison(all_assisted, effort, frozenset({"chosen"}), MEASURED), Refusal)
