"""Difference-in-differences with authorities that have not introduced AI yet: by hand, in worlds whose truth is exact, what is
left out and said, what is refused, and whether the interval keeps its promise."""

from collections.abc import Callable, Mapping, Sequence
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from contracts.tasks import TimeBasis
from services.domain.group_times import GroupTime, Panel
from services.domain.refusal import Refusal
from services.domain.staggered import BASE_MONTHS, MIN_AUTHORITIES, Placebo, Staggered, staggered
from tests.simulations.staggered import WORLDS, simulate

MEASURED: frozenset[TimeBasis] = frozenset({"measured"})
Months = Sequence[tuple[int, int]]
"""Effort and credit of each month from the first on."""


def panel(months: Mapping[str, Months], introduced: Mapping[str, int | None], first: int = 0) -> Panel:
    rows = [
        (authority, first + month, effort, credit)
        for authority, series in months.items()
        for month, (effort, credit) in enumerate(series)
    ]
    authority, month, effort, credit = zip(*rows, strict=True)
    return Panel(authority, np.array(month), np.array(effort), np.array(credit), introduced)


def estimated(of: Panel, min_authorities: int = MIN_AUTHORITIES) -> Staggered:
    found = staggered(of, MEASURED, min_authorities)
    assert isinstance(found, Staggered)
    return found


def refused(of: Panel) -> str:
    found = staggered(of, MEASURED)
    assert isinstance(found, Refusal)
    return found.reason


def nothing(*_: int) -> float:
    return 0.0


def nation(
    introduced: Sequence[int | None],
    months: int,
    effect: Callable[[int], float] = nothing,
    path: Callable[[int, int], float] = nothing,
) -> Panel:
    """Each authority credits 1,000 to 1,900 a month and spends per credited hour its own 0.8 to 1.25, plus a common drift and
    season, plus `path`; `effect` is what it frees per credited hour so many months after its introduction."""
    series: dict[str, Months] = {}
    for number, at in enumerate(introduced):
        credit = 1_000_000 * (1 + number % 10)
        own = 0.8 + 0.05 * (number % 10)
        ratios = [
            own + 0.01 * m + 0.05 * (m % 3) + path(number, m) - (effect(m - at) if at is not None and m >= at else 0)
            for m in range(months)
        ]
        series[f"a{number:02d}"] = [(round(credit * ratio), credit) for ratio in ratios]
    return panel(series, {f"a{number:02d}": at for number, at in enumerate(introduced)})


def test_a_case_added_up_by_hand() -> None:
    months = {
        "T1": [*[(10_000, 10_000)] * 3, (9_000, 10_000)],
        "T2": [*[(8_000, 10_000)] * 3, (15_000, 20_000)],
        "C1": [*[(10_000, 10_000)] * 3, (12_000, 10_000)],
        "C2": [*[(30_000, 30_000)] * 3, (33_000, 30_000)],
    }
    found = estimated(panel(months, {"T1": 603, "T2": 603, "C1": None, "C2": None}, first=600), 2)
    # Drift: (30·0.2 + 90·0.1)/120 = 0.125. T1: 10·1.125 - 9 = 2.25; T2: 20·(0.8 + 0.125) - 15 = 3.5.
    assert (found.freed_ms, found.credit_ms) == (5_750, 30_000)
    assert found.group_times == (GroupTime(603, 603, 2, 2, 5_750, 30_000),)
    # T1: (2.25 - 5.75/3)/(2/3) = 0.5, T2: -1; C1: 30·0.25·0.075/0.75 = 0.75, C2: 30·0.75·(-0.025)/0.25 = -2.25.
    error = 1_000 * sqrt(0.5**2 + 1 + 0.75**2 + 2.25**2)
    assert found.standard_error_ms == pytest.approx(error)
    assert found.high_ms - found.freed_ms == pytest.approx(error * stats.t.ppf(0.975, 1))
    assert found.freed_ms - found.low_ms == pytest.approx(error * stats.t.ppf(0.975, 1))


def test_it_finds_what_was_freed_exactly_however_effects_grow() -> None:
    # Effects that grow with time and introductions one after the other: where two-way fixed effects go wrong.
    introduced = [4, 4, 6, 6, 8, 8, 10, 10, *[None] * 6]
    found = estimated(nation(introduced, 14, effect=lambda since: 0.02 * (since + 1)))
    truth = sum(
        1_000_000 * (1 + number % 10) * 0.02 * (month - at + 1)
        for number, at in enumerate(introduced)
        if at is not None
        for month in range(at, 14)
    )
    assert found.freed_ms == pytest.approx(truth, rel=1e-6)
    assert found.uncovered == ()
    effects = {event.months: event.effect for event in found.event_times}
    assert [effects[since] for since in range(4)] == pytest.approx([0.02, 0.04, 0.06, 0.08], abs=1e-6)


def test_a_loss_is_negative() -> None:
    found = estimated(nation([4] * 6 + [None] * 6, 8, effect=lambda _: -0.1))
    assert found.freed_ms == round(-0.1 * found.credit_ms)


def test_authorities_are_compared_with_those_that_have_not_introduced_it_yet() -> None:
    introduced = [4] * 5 + [6] * 5 + [None] * 5
    found = estimated(nation(introduced, 8))
    compared = {(pair.introduced, pair.month): pair.compared_with for pair in found.group_times}
    assert compared[4, 4] == compared[4, 5] == 10
    assert compared[4, 6] == compared[4, 7] == compared[6, 6] == 5
    # Before it: an earlier group has AI in the base months of a later one.
    assert compared[4, 0] == 10
    assert compared[6, 2] == 5


def test_the_fewer_side_sets_the_width() -> None:
    shocks = np.random.default_rng(6).normal(0, 0.01, (30, 8))
    found = estimated(nation([4] * 20 + [None] * 5, 8, path=lambda authority, month: float(shocks[authority, month])))
    assert found.treated_authorities == 20
    assert found.compared_with == pytest.approx(5)
    width = found.standard_error_ms * stats.t.ppf(0.975, 5 - 1)
    assert found.high_ms - found.freed_ms == pytest.approx(width, abs=1)


def test_how_many_they_are_compared_with_is_the_harmonic_mean_by_credit() -> None:
    # The first group credits 15 M a month: two months against ten, two against five; the second 40 M, two against five.
    found = estimated(nation([4] * 5 + [6] * 5 + [None] * 5, 8))
    assert found.compared_with == pytest.approx(140 / (30 / 10 + 30 / 5 + 80 / 5))


def test_what_nobody_is_left_to_compare_with_is_told() -> None:
    introduced = [4] * 5 + [6] * 5
    found = estimated(nation(introduced, 8, effect=lambda _: 0.1))
    (left,) = found.uncovered
    assert left.reason == "under 5 authorities were still without AI, and had tasks"
    assert left.authority_months == 5 * 2 + 5 * 2
    assert {pair.month for pair in found.group_times if pair.month >= pair.introduced} == {4, 5}
    assert found.credit_ms == 2 * sum(1_000_000 * (1 + number) for number in range(5))
    assert left.credit_ms == 2 * sum(1_000_000 * (1 + number) for number in range(10))


def test_what_has_no_base_is_told() -> None:
    introduced = [-3, 0, 2, *[5] * 5, *[None] * 5]
    found = estimated(nation(introduced, 8))
    (left,) = found.uncovered
    assert left.reason == f"there are no {BASE_MONTHS} months before the introduction to start from"
    assert left.authority_months == 8 + 8 + 6
    assert found.treated_authorities == 5


def test_what_was_not_credited_before_is_told() -> None:
    whole = nation([4] * 6 + [None] * 6, 8)
    silent = (np.asarray(whole.authority) == "a00") & (whole.month < 4)
    kept = ~silent
    found = estimated(
        Panel(
            [name for name, keep in zip(whole.authority, kept, strict=True) if keep],
            whole.month[kept],
            whole.effort_ms[kept],
            whole.credit_ms[kept],
            whole.introduced,
        )
    )
    (left,) = found.uncovered
    assert (left.reason, left.authority_months) == ("nothing was credited in the 3 months before the introduction", 4)
    assert found.treated_authorities == 5


def test_effort_without_credit_is_a_loss_of_its_month() -> None:
    before = nation([4] * 5 + [None] * 5, 6, effect=lambda _: 0.1)
    month = (np.asarray(before.authority) == "a00") & (before.month == 5)
    credit = np.where(month, 0, before.credit_ms)
    after = Panel(before.authority, before.month, before.effort_ms, credit, before.introduced)
    lost = int(before.effort_ms[month][0]) + 100_000
    assert estimated(after).freed_ms == pytest.approx(estimated(before).freed_ms - lost, abs=2)


def test_without_anybody_left_it_is_refused() -> None:
    reason = refused(nation([4] * 12, 8))
    assert reason.startswith("0 authorities that introduced AI can be compared with others that had not")
    assert "48 months of authorities: under 5 authorities were still without AI" in reason


@pytest.mark.parametrize(("treated", "never"), [(MIN_AUTHORITIES - 1, 20), (20, MIN_AUTHORITIES - 1)])
def test_with_too_few_on_either_side_it_is_refused(treated: int, never: int) -> None:
    assert f"an honest interval needs {MIN_AUTHORITIES}" in refused(nation([4] * treated + [None] * never, 8))
    estimated(nation([4] * MIN_AUTHORITIES + [None] * MIN_AUTHORITIES, 8))


def test_nobody_without_ai_is_refused_and_nobody_with_it_too() -> None:
    assert refused(nation([None] * 12, 8)).startswith("0 authorities that introduced AI")


def test_the_placebo_sees_who_was_on_a_path_of_its_own() -> None:
    random = np.random.default_rng(5)
    shocks = random.normal(0, 0.01, (24, 12))
    introduced = [9] * 12 + [None] * 12

    def parallel(authority: int, month: int) -> float:
        return float(shocks[authority, month])

    def apart(authority: int, month: int) -> float:
        return float(shocks[authority, month]) - (0.01 * month if authority < 12 else 0)

    calm, suspicious = (estimated(nation(introduced, 12, path=path)).placebo for path in (parallel, apart))
    assert isinstance(calm, Placebo)
    assert isinstance(suspicious, Placebo)
    assert calm.p_value > 0.05
    assert calm.low < 0 < calm.high
    assert suspicious.p_value < 0.001
    # The treated grow quicker by 0.01 a month: months 0 to 5 lie 7.0 to 2.0 months before the middle of the base, month 7.
    assert suspicious.effect == pytest.approx(-0.01 * 4.5, abs=0.01)


def test_without_a_history_there_is_no_placebo() -> None:
    found = estimated(nation([3] * 6 + [None] * 6, 8))
    assert isinstance(found.placebo, Refusal)
    assert "it needs a longer history" in found.placebo.reason


def test_event_times_have_an_interval_where_enough_were_seen_that_long() -> None:
    found = estimated(nation([4] * 3 + [6] * 3 + [None] * 6, 8))
    seen = {event.months: (event.authorities, event.low is not None) for event in found.event_times}
    assert seen[0] == seen[1] == (6, True)
    assert seen[2] == seen[3] == (3, False)
    assert seen[-4] == (6, True)
    assert not {-1, -2, -3} & seen.keys()


def test_the_grade_is_b_at_best() -> None:
    world = nation([4] * 6 + [None] * 6, 8)
    assert estimated(world).grade.grade == "B"
    assert {why.value for why in estimated(world).grade.decisive} == {"staggered", "not_yet_treated"}
    said = staggered(world, frozenset({"self_reported"}))
    assert isinstance(said, Staggered)
    assert said.grade.grade == "D"


def test_bad_panels_are_errors_that_name_the_cause() -> None:
    world = nation([4] * 6 + [None] * 6, 8)
    with pytest.raises(ValueError, match="no month of introduction for authority a11"):
        staggered(
            Panel(
                world.authority,
                world.month,
                world.effort_ms,
                world.credit_ms,
                {name: at for name, at in world.introduced.items() if name != "a11"},
            ),
            MEASURED,
        )
    with pytest.raises(ValueError, match=r"have \[95, 96\] rows"):
        staggered(
            Panel(world.authority, world.month[1:], world.effort_ms, world.credit_ms, world.introduced),
            MEASURED,
        )
    with pytest.raises(ValueError, match=r"have \[0\] rows"):
        staggered(panel_of_nothing(), MEASURED)


def panel_of_nothing() -> Panel:
    nothing = np.array([], dtype=np.int64)
    return Panel([], nothing, nothing, nothing, {})


def test_the_interval_covers_as_often_as_it_says_in_an_unequal_nation() -> None:
    row = simulate(WORLDS["unequal"], 15, 15, repetitions=300, seed=1, min_authorities=MIN_AUTHORITIES)
    assert row.refused == 0
    assert 0.92 <= row.coverage <= 0.985
    assert row.placebo_rejected <= 0.08
