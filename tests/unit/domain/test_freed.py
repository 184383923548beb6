"""Time freed by one group against another: a case added up by hand, what it depends on, and whether it keeps its promise."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from services.domain.freed import Freed, Groups, freed
from services.domain.refusal import Refusal

Row = tuple[str, str, int, float, float]
"""Stratum, cluster, treated, effort, per."""


def groups(rows: Sequence[Row]) -> Groups:
    stratum, cluster, treated, effort, per = zip(*rows, strict=True)
    return Groups(np.array(treated) == 1, np.array(effort, dtype=float), np.array(per, dtype=float), stratum, cluster)


def known(found: Freed | Refusal) -> Freed:
    assert isinstance(found, Freed)
    return found


BY_HAND: list[Row] = [
    ("", "a", 1, 8, 1),
    ("", "a", 1, 10, 1),
    ("", "b", 1, 12, 1),
    ("", "a", 0, 10, 1),
    ("", "c", 0, 14, 1),
    ("", "c", 0, 12, 1),
]


def test_a_case_added_up_by_hand() -> None:
    # Control mean 12, treated mean 10: three tasks free 6. Residuals of the control: a -2, c +2; of the treated: a -2, b +2;
    # a = sqrt(2) on both sides. So psi: a -2·sqrt(2) + 2·sqrt(2) = 0, b -2·sqrt(2), c 2·sqrt(2); the variance is 16.
    found = known(freed(groups(BY_HAND)))
    assert (found.freed_ms, found.cost_ms, found.treated_tasks, found.control_tasks) == (6, 30, 3, 3)
    assert found.standard_error_ms == pytest.approx(4)
    assert (found.low_ms, found.high_ms) == pytest.approx(
        (6 - 4 * stats.t.ppf(0.975, 1), 6 + 4 * stats.t.ppf(0.975, 1))
    )
    assert (found.clusters_min, found.uncovered) == (2, ())


def test_the_ratio_scales_what_is_expected() -> None:
    # d = (10 + 30)/(1 + 3) = 10; the treated have 2 + 4 = 6: expected 60, cost 50. R = 6/4. rho = 50/6.
    rows: list[Row] = [("", "a", 0, 10, 1), ("", "b", 0, 30, 3), ("", "c", 1, 22, 2), ("", "d", 1, 28, 4)]
    found = known(freed(groups(rows)))
    assert found.freed_ms == 10
    residual = 22 - 2 * 50 / 6
    assert found.standard_error_ms == pytest.approx(sqrt(2 * 2 * residual**2))


def test_a_loss_is_negative_and_not_clipped() -> None:
    rows: list[Row] = [("", f"{arm}{i}", arm, 10 + 5 * arm + i % 2, 1) for arm in (0, 1) for i in range(40)]
    found = known(freed(groups(rows)))
    assert found.freed_ms == -200
    assert found.high_ms < 0


def test_each_stratum_is_compared_with_itself() -> None:
    # AI does nothing; three quarters of the treated are quick, one quarter of the control.
    rows: list[Row] = [("quick", f"q{arm}{i}", arm, 10, 1) for arm, n in ((0, 10), (1, 30)) for i in range(n)]
    rows += [("slow", f"s{arm}{i}", arm, 50, 1) for arm, n in ((0, 30), (1, 10)) for i in range(n)]
    assert known(freed(groups(rows))).freed_ms == 0
    mixed = [("", cluster, arm, effort, per) for _, cluster, arm, effort, per in rows]
    assert known(freed(groups(mixed))).freed_ms == 40 * 40 - (30 * 10 + 10 * 50)


def test_a_stratum_that_cannot_be_compared_is_told() -> None:
    rows: list[Row] = [
        *BY_HAND,
        ("only", "x", 1, 7, 1),
        ("only", "y", 1, 9, 1),
        ("thin", "z", 1, 5, 1),
        ("thin", "z", 0, 5, 1),
    ]
    found = known(freed(groups(rows)))
    assert (found.freed_ms, found.treated_tasks) == (6, 3)
    assert [(u.stratum, u.treated_tasks, u.control_tasks, u.treated_effort_ms) for u in found.uncovered] == [
        ("only", 2, 0, 16),
        ("thin", 1, 1, 5),
    ]


def test_nothing_to_compare_is_refused() -> None:
    found = freed(groups([("", "a", 1, 5, 1), ("", "b", 1, 6, 1)]))
    assert isinstance(found, Refusal)
    assert "2 clusters in both groups" in found.reason
    without = freed(groups([(s, c, t, e, 0.0) for s, c, t, e, _ in BY_HAND]))
    assert isinstance(without, Refusal)


def test_columns_of_different_lengths_are_an_error() -> None:
    rows = groups(BY_HAND)
    with pytest.raises(ValueError, match=r"\[5, 6\] rows"):
        freed(Groups(rows.treated, rows.effort_ms, rows.per, rows.stratum, rows.cluster[:-1]))


def _trial(random: np.random.Generator, cases: int, per_case: int) -> Groups:
    """Cases drawn whole; lognormal efforts that share their case's and grow with what was predicted; AI saves a fifth."""
    case = np.repeat(np.arange(cases), per_case)
    treated = random.permutation(np.arange(cases) % 2 == 0)[case]
    predicted = np.exp(random.normal(0, 0.7, len(case)))
    shared = random.normal(0, 0.6, cases)[case]
    effort = 600_000 * predicted * np.exp(shared + random.normal(0, 0.4, len(case))) * np.where(treated, 0.8, 1)
    return Groups(treated, effort, predicted, [""] * len(case), [str(c) for c in case])


def test_the_interval_covers_as_often_as_it_says_and_not_with_tasks_as_clusters() -> None:
    random = np.random.default_rng(20_260_301)
    per_predicted = 0.2 * 600_000 * np.exp((0.6**2 + 0.4**2) / 2)
    inside = []
    for _ in range(400):
        drawn = _trial(random, 80, 6)
        truth = per_predicted * drawn.per[drawn.treated].sum()
        tasks = [str(number) for number in range(len(drawn.per))]
        alone = Groups(drawn.treated, drawn.effort_ms, drawn.per, drawn.stratum, tasks)
        inside.append([one.low_ms <= truth <= one.high_ms for one in (known(freed(drawn)), known(freed(alone)))])
    clustered, independent = np.mean(inside, axis=0)
    assert 0.925 <= clustered <= 0.975
    assert independent < clustered - 0.05
