"""What the estimators do not depend on, and what turning their input around turns around."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.domain.balance import Balance, balance
from services.domain.freed import Freed, Groups, freed
from services.domain.group_times import Panel
from services.domain.mix import TaskMix
from services.domain.refusal import Refusal
from services.domain.staggered import Staggered, staggered
from services.domain.trial import Factor, Interval, Nullable, Trial, TrialTasks, trial

SEEDS = st.integers(0, 2**32)


@st.composite
def trials(draw: st.DrawFn) -> TrialTasks:
    """Both arms have at least two tasks, and one whose rework is known."""
    n, random = draw(st.integers(8, 30)), np.random.default_rng(draw(SEEDS))
    treated, known = random.random(n) < 0.5, random.random(n) < 0.7
    treated[:4] = [False, False, True, True]
    known[[0, 2]] = True
    everywhere = np.ones(n, dtype=np.bool_)
    strata = draw(st.integers(1, 2))
    return TrialTasks(
        treated=treated,
        completed=everywhere,
        active_ms=random.integers(1, 10**7, n),
        review=Nullable(np.zeros(n, dtype=np.int64), everywhere),
        rework=Nullable(random.integers(0, 10**6, n), known),
        predicted_without=Nullable(random.integers(1, 10**7, n), everywhere),
        predicted_with=Nullable(random.integers(1, 10**7, n), everywhere),
        stratum=[f"s{k}" for k in random.integers(0, strata, n).tolist()],
        cluster=[f"c{k}" for k in random.integers(0, 10, n).tolist()],
        time_bases=frozenset({"measured"}),
    )


def mapped(tasks: TrialTasks, part: Callable[[Nullable], Nullable]) -> TrialTasks:
    """The same trial with each nullable part mapped."""
    return replace(
        tasks,
        review=part(tasks.review),
        rework=part(tasks.rework),
        predicted_without=part(tasks.predicted_without),
        predicted_with=part(tasks.predicted_with),
    )


def estimated(tasks: TrialTasks) -> tuple[Trial, Factor, Freed, Freed]:
    found = trial(tasks)
    assume(isinstance(found, Trial) and isinstance(found.factor, Factor) and isinstance(found.factor.hc3, Interval))
    assert isinstance(found, Trial)
    assume(isinstance(found.unadjusted, Freed) and isinstance(found.scaled, Freed))
    assert isinstance(found.factor, Factor)
    assert isinstance(found.unadjusted, Freed)
    assert isinstance(found.scaled, Freed)
    return found, found.factor, found.unadjusted, found.scaled


def ends(factor: Factor) -> list[float]:
    intervals = (factor.homoskedastic, factor.hc3, factor.clustered)
    return [end for one in intervals if isinstance(one, Interval) for end in (one.low, one.high)]


def figures(one: Freed) -> list[float]:
    return [one.freed_ms, one.low_ms, one.high_ms]


def near(expected: list[float]) -> Any:
    return pytest.approx(expected, rel=1e-6, abs=max(2.0, 1e-6 * max(map(abs, expected))))


@given(trials(), st.randoms(use_true_random=False))
def test_a_trial_does_not_depend_on_the_order_of_its_tasks_or_the_names_of_its_clusters(
    tasks: TrialTasks, random: Any
) -> None:
    _, factor, unadjusted, scaled = estimated(tasks)
    order = list(range(len(tasks.treated)))
    random.shuffle(order)
    shuffled = replace(
        mapped(tasks, lambda part: Nullable(part.ms[order], part.known[order])),
        treated=tasks.treated[order],
        completed=tasks.completed[order],
        active_ms=tasks.active_ms[order],
        stratum=[tasks.stratum[i] for i in order],
        cluster=["renamed " + tasks.cluster[i][::-1] for i in order],
    )
    _, other, other_unadjusted, other_scaled = estimated(shuffled)
    assert ends(other) == pytest.approx(ends(factor), rel=1e-6)
    assert figures(other_unadjusted) == near(figures(unadjusted))
    assert figures(other_scaled) == near(figures(scaled))


@given(trials(), st.integers(2, 60))
def test_another_unit_of_time_changes_hours_and_no_factor(tasks: TrialTasks, times: int) -> None:
    found, factor, unadjusted, scaled = estimated(tasks)
    longer = mapped(tasks, lambda part: Nullable(part.ms * times, part.known))
    longer = replace(longer, active_ms=tasks.active_ms * times)
    other, other_factor, other_unadjusted, other_scaled = estimated(longer)
    assert [other_factor.factor, *ends(other_factor)] == pytest.approx([factor.factor, *ends(factor)], rel=1e-6)
    assert figures(other_unadjusted) == near([times * value for value in figures(unadjusted)])
    assert figures(other_scaled) == near([times * value for value in figures(scaled)])
    assert isinstance(found.expected_ms, int)
    assert other.expected_ms == times * found.expected_ms


@given(trials())
def test_with_the_arms_changed_over_the_factor_is_its_inverse(tasks: TrialTasks) -> None:
    _, factor, _, _ = estimated(tasks)
    _, other, _, _ = estimated(replace(tasks, treated=~tasks.treated))
    assert other.factor == pytest.approx(1 / factor.factor, rel=1e-6)
    turned = [1 / end for end in ends(factor)]
    assert ends(other) == pytest.approx([turned[k ^ 1] for k in range(len(turned))], rel=1e-6)


@given(trials(), st.integers(2, 9))
def test_everybody_predicting_so_many_times_as_much_changes_nothing_but_the_claims(
    tasks: TrialTasks, times: int
) -> None:
    _, factor, _, scaled = estimated(tasks)
    bolder = replace(
        tasks, predicted_without=Nullable(tasks.predicted_without.ms * times, tasks.predicted_without.known)
    )
    _, other, _, other_scaled = estimated(bolder)
    assert other.factor == pytest.approx(factor.factor, rel=1e-6)
    assert figures(other_scaled) == near(figures(scaled))


@given(trials())
def test_effort_that_is_the_same_multiple_of_predictions_in_both_arms_frees_nothing(tasks: TrialTasks) -> None:
    per = tasks.predicted_without.ms.astype(np.float64)
    found = freed(Groups(tasks.treated, 3 * per, per, tasks.stratum, tasks.cluster))
    assume(isinstance(found, Freed))
    assert isinstance(found, Freed)
    assert figures(found) == pytest.approx([0, 0, 0], abs=1)


@st.composite
def mixes(draw: st.DrawFn) -> TaskMix:
    n, random = draw(st.integers(20, 80)), np.random.default_rng(draw(SEEDS))

    def column(prefix: str, kinds: int) -> list[str]:
        return [f"{prefix}{k}" for k in random.integers(0, kinds, n).tolist()]

    treated = random.random(n) < draw(st.sampled_from([0.1, 0.5, 0.9]))
    treated[:2] = [False, True]
    stratum = ["s0", "s0", *column("s", 2)[2:]]
    return TaskMix(treated, column("t", 3), column("x", 2), ["core"] * n, ["citizen"] * n, stratum, column("c", n))


@given(mixes())
def test_balance_is_the_same_seen_from_the_other_arm(mix: TaskMix) -> None:
    here, there = balance(mix), balance(replace(mix, treated=~mix.treated))
    assert isinstance(here, Balance)
    assert isinstance(there, Balance)
    assert there.statistic == pytest.approx(here.statistic, rel=1e-6, abs=1e-9)
    assert there.degrees_of_freedom == here.degrees_of_freedom
    assert [(c.control_tasks, c.treated_tasks) for c in there.cells] == [
        (c.treated_tasks, c.control_tasks) for c in here.cells
    ]


@given(mixes())
def test_every_task_is_in_one_cell_and_shares_add_up(mix: TaskMix) -> None:
    found = balance(mix)
    assert isinstance(found, Balance)
    inside = [stratum not in found.one_sided_strata for stratum in mix.stratum]
    assert sum(cell.treated_tasks + cell.control_tasks for cell in found.cells) == sum(inside)
    assert sum(cell.treated_share for cell in found.cells) == pytest.approx(1)
    assert sum(cell.control_share for cell in found.cells) == pytest.approx(1)


@st.composite
def panels(draw: st.DrawFn) -> Panel:
    """The first five authorities introduce AI early enough, the last five never."""
    authorities, months, random = draw(st.integers(10, 14)), draw(st.integers(6, 9)), np.random.default_rng(draw(SEEDS))
    size = authorities * months
    names = [f"a{number:02d}" for number in range(authorities)]
    introduced = [*random.integers(3, months, 5).tolist(), *random.integers(3, months + 1, authorities - 10).tolist()]
    return Panel(
        authority=[name for name in names for _ in range(months)],
        month=np.tile(np.arange(600, 600 + months), authorities),
        effort_ms=random.integers(0, 10**7, size),
        credit_ms=random.integers(10**5, 10**7, size),
        introduced={name: 600 + at for name, at in zip(names, introduced, strict=False)} | dict.fromkeys(names[-5:]),
    )


def of(panel: Panel) -> list[float]:
    found = staggered(panel, frozenset({"measured"}))
    assert isinstance(found, Staggered)
    placebo = [] if isinstance(found.placebo, Refusal) else [1e6 * found.placebo.effect, 1e6 * found.placebo.high]
    return [found.freed_ms, found.low_ms, found.high_ms, *placebo]


@given(panels(), st.integers(0, 2**32))
def test_what_is_the_same_before_and_after_or_everywhere_frees_nothing(panel: Panel, seed: int) -> None:
    # An authority's own cost per credited hour, and a month's for all, are differenced away.
    random = np.random.default_rng(seed)
    own = dict(zip(panel.introduced, random.integers(0, 3, len(panel.introduced)).tolist(), strict=True))
    common = random.integers(0, 3, int(panel.month.max()) + 1)
    more = np.array([own[name] for name in panel.authority]) + common[panel.month]
    assert of(replace(panel, effort_ms=panel.effort_ms + more * panel.credit_ms)) == near(of(panel))


@given(panels(), st.integers(2, 9))
def test_a_baseline_that_is_so_many_times_as_high_frees_as_much(panel: Panel, times: int) -> None:
    plain, credited = of(panel), of(replace(panel, credit_ms=panel.credit_ms * times))
    assert credited[:3] == near(plain[:3])


@given(panels(), st.randoms(use_true_random=False))
def test_the_order_and_the_cutting_of_rows_are_nothing(panel: Panel, random: Any) -> None:
    rows = list(
        zip(panel.authority, panel.month.tolist(), panel.effort_ms.tolist(), panel.credit_ms.tolist(), strict=True)
    )
    cut = [(a, m, e - e // 3, c - c // 2) for a, m, e, c in rows] + [(a, m, e // 3, c // 2) for a, m, e, c in rows]
    random.shuffle(cut)
    authority, month, effort, credit = zip(*cut, strict=True)
    assert of(Panel(authority, np.array(month), np.array(effort), np.array(credit), panel.introduced)) == near(
        of(panel)
    )
