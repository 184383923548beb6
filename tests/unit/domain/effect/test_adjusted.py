"""The adjusted saving: an example by hand, what is sufficient, what is pooled, what is shown apart."""

from dataclasses import replace
from math import sqrt

import pytest
from scipy import stats

from services.domain.effect.adjusted import AdjustedSaving, adjusted_saving
from services.domain.effect.baseline_errors import BaselineError, BaselineUse
from services.domain.effect.net import ClusterSums, net_interval
from services.domain.effect.sufficiency import Sufficiency
from tests.unit.domain.effect.arms import Row, arm_sums

MINUTE = 60_000
SMALL = Sufficiency(control_tasks=6, clusters=3, effective_authorities=2.9)
EXACT = BaselineError("b", "s", 0)


def row(
    role: str, cluster: str, n: int, effort: int, *, authority: str = "A", task_type: str = "t", complexity: str = "low",
    baseline: str = "b", mu: int = 10, credited: int | None = None,
) -> Row:  # fmt: skip
    earned = n if credited is None else credited
    return authority, task_type, complexity, role, cluster, baseline, n, earned, effort, earned * mu


def arms(count: int, **fields: str) -> list[Row]:
    """Both arms of a cell, `count` clusters each with `count` tasks in all; effort swings about the baseline."""
    return [
        row(role, f"{role}{i}", 1, 10 + (3 if i % 2 else -3) + (role == "control"), **fields)  # type: ignore[arg-type]
        for role in ("control", "treated")
        for i in range(count)
    ]


def verdicts(found: AdjustedSaving) -> list[tuple[str, str | None, str, str | None, str]]:
    return [(cell.level, cell.authority, cell.task_type, cell.complexity, cell.verdict) for cell in found.cells]


def test_an_example_by_hand() -> None:
    """Minutes; baseline 10, standard error 0.5. The example of docs/measuring.md.

    Control, two tasks in each of three clusters: 22, 26, 18. Treated, three tasks in each of four: 24, 20, 26, 18, one of
    the last without credit.

        B_C = 60, Y_C = 66, d = 1.1;   B_T = 110, E_T = 88, rho = 0.8;   R = 11/6
        S = 1.1·110 - 88 = 33                      net 110 - 88 = 22, drift adds 0.1·110 = 11
        control residuals 0, 4, -4;   treated residuals 0, -4, 2, 2
        Var = 3/2·(11/6)²·32 + 4/3·24 = 193.33;  w_b = 1.1·(11 - 11/6·6) = 0
        33 ± 4.303·sqrt(193.33) = 33 ± 59.8
        Var(d) = (3/2·32 + (1.1·6·0.5)²)/60² = 0.016358;  1.1 ± 4.303·0.1279 = 1.1 ± 0.550
    """
    control = [row("control", g, 2, e * MINUTE, mu=10 * MINUTE) for g, e in (("P", 22), ("Q", 26), ("R", 18))]
    treated = [row("treated", g, 3, e * MINUTE, mu=10 * MINUTE) for g, e in (("W", 24), ("X", 20), ("Y", 26))]
    last = row("treated", "Z", 3, 18 * MINUTE, mu=10 * MINUTE, credited=2)
    found = adjusted_saving(arm_sums([*control, *treated, last]), [BaselineError("b", "s", MINUTE // 2)], SMALL)
    (cell,) = found.cells
    assert (found.headline, cell.verdict, cell.net_ms) == ("adjusted", "sufficient", 22 * MINUTE)
    assert found.baselines == cell.baselines == frozenset()
    assert (cell.control.tasks, cell.control.clusters, cell.control.credit_ms) == (6, 3, 60 * MINUTE)
    assert (cell.treated.tasks, cell.treated.clusters, cell.treated.effort_ms) == (12, 4, 88 * MINUTE)
    assert found.adjusted == cell.saving
    assert found.adjusted is not None
    assert found.adjusted.saving_ms == pytest.approx(33 * MINUTE)
    assert found.adjusted.variance_tasks / MINUTE**2 == pytest.approx(1.5 * (11 / 6) ** 2 * 32 + 4 / 3 * 24)
    assert found.adjusted.variance_baselines == pytest.approx(0, abs=1e-6)
    assert found.adjusted.clusters_min == 3
    half = stats.t.ppf(0.975, 2) * sqrt(193 + 1 / 3)
    assert (found.adjusted.low_ms or 0) / MINUTE == pytest.approx(33 - half)
    assert (found.adjusted.high_ms or 0) / MINUTE == pytest.approx(33 + half)
    assert cell.drift is not None
    assert cell.drift.ratio == pytest.approx(1.1)
    assert cell.drift.high == pytest.approx(1.1 + stats.t.ppf(0.975, 2) * sqrt((48 + 3.3**2) / 3600))


def test_two_baselines_in_a_cell_leave_part_of_their_error() -> None:
    # Baselines 10 and 20; control 4 + 2 tasks, treated 3 + 9: B_C = 80, B_T = 210, R = 2.625; no drift.
    rows = [row("control", f"c{i}", 1, 10, baseline="b1") for i in range(4)]
    rows += [row("control", f"d{i}", 1, 20, baseline="b2", mu=20) for i in range(2)]
    rows += [row("treated", f"e{i}", 1, 10, baseline="b1") for i in range(3)]
    rows += [row("treated", f"f{i}", 1, 20, baseline="b2", mu=20) for i in range(9)]
    w1, w2 = 3 - 2.625 * 4, 9 - 2.625 * 2
    for sources, expected in ((("s", "s"), (abs(w1) * 3 + abs(w2) * 5) ** 2), (("s", "r"), 9 * w1**2 + 25 * w2**2)):
        errors = [
            BaselineError("b1", sources[0], 3),
            BaselineError("b2", sources[1], 5),
            BaselineError("unused", "s", 9),
        ]
        result = adjusted_saving(arm_sums(rows), errors, SMALL)
        found = result.adjusted
        assert found is not None
        assert found.variance_baselines == pytest.approx(expected)
        assert found.variance_tasks == pytest.approx(0, abs=1e-9)
        assert result.baselines == {"b1", "b2"}


def test_a_cluster_is_summed_over_arms_and_cells_before_it_is_squared() -> None:
    # Control and treated of a team err alike, and no time is saved: what they share cancels.
    both = [row(role, f"team{i}", 1, 10 + (3 if i % 2 else -3)) for role in ("control", "treated") for i in range(30)]
    apart = [(*r[:4], f"{r[3]}-{r[4]}", *r[5:]) for r in both]
    asked = Sufficiency(control_tasks=30)
    shared, separate = (adjusted_saving(arm_sums(rows), [EXACT], asked).adjusted for rows in (both, apart))
    assert shared is not None
    assert separate is not None
    assert shared.variance_tasks == pytest.approx(0, abs=1e-9)
    assert separate.variance_tasks == pytest.approx(30 / 29 * 60 * 9)
    # The same over two task types that swing against each other.
    against = [row(r[3], r[4], 1, 20 - r[8], task_type="u") for r in apart]
    over_cells = adjusted_saving(arm_sums([*apart, *against]), [EXACT], asked)
    assert over_cells.adjusted is not None
    assert over_cells.adjusted.variance_tasks == pytest.approx(0, abs=1e-9)
    assert [cell.saving and round(cell.saving.variance_tasks, 6) for cell in over_cells.cells] == [
        pytest.approx(30 / 29 * 60 * 9, abs=1e-6)
    ] * 2


@pytest.mark.parametrize(
    ("control_tasks", "control_clusters", "treated_clusters", "verdict"),
    [(200, 30, 30, "sufficient"), (199, 30, 30, "insufficient"), (200, 29, 30, "insufficient"), (200, 30, 29, "insufficient")],
)  # fmt: skip
def test_what_a_cell_must_have(control_tasks: int, control_clusters: int, treated_clusters: int, verdict: str) -> None:
    each, more = divmod(control_tasks, control_clusters)
    rows = [row("control", f"c{i}", each + (i < more), 10 * each) for i in range(control_clusters)]
    rows += [row("treated", f"t{i}", 1, 8) for i in range(treated_clusters)]
    found = adjusted_saving(arm_sums(rows), [EXACT])
    assert [cell.verdict for cell in found.cells] == [verdict]
    assert found.headline == ("adjusted" if verdict == "sufficient" else "net")


def test_control_without_any_credit_is_no_control() -> None:
    rows = [row("control", f"c{i}", 7, 70, credited=0) for i in range(30)]
    found = adjusted_saving(arm_sums([*rows, *arms(30)[30:]]), [EXACT])
    assert (found.adjusted, found.cells[0].drift, found.cells[0].verdict) == (None, None, "insufficient")


def test_small_cells_are_pooled_level_by_level() -> None:
    asked = Sufficiency(control_tasks=20, clusters=20, effective_authorities=4.9)
    own = arms(20, authority="A", task_type="own")
    within = [r for c in ("low", "high") for r in arms(10, authority="A", task_type="within", complexity=c)]
    within = [(*r[:4], r[2] + r[4], *r[5:]) for r in within]
    across = [r for a in "ABCDE" for r in arms(4, authority=a, task_type="across", complexity="low")]
    above = [r for i, a in enumerate("ABCDE") for r in arms(4, authority=a, task_type="above", complexity=f"c{i}")]
    left = arms(4, authority="A", task_type="left")
    found = adjusted_saving(arm_sums([*left, *above, *across, *within, *own]), [EXACT], asked)
    assert verdicts(found) == [
        ("authority × task type × complexity", "A", "own", "low", "sufficient"),
        ("authority × task type", "A", "within", None, "sufficient"),
        ("task type × complexity", None, "across", "low", "sufficient"),
        ("task type", None, "above", None, "sufficient"),
        ("authority × task type × complexity", "A", "left", "low", "insufficient"),
    ]
    assert [cell.control.clusters for cell in found.cells] == [20, 20, 5, 5, 4]
    assert found.adjusted is not None
    assert found.adjusted.clusters_min == 5
    assert found.adjusted.saving_ms == pytest.approx(sum(c.saving.saving_ms for c in found.cells if c.saving))


def test_where_authorities_are_pooled_the_authority_is_the_cluster() -> None:
    asked = Sufficiency(control_tasks=12, clusters=30, effective_authorities=2.9)
    rows = [r for a in "ABC" for r in arms(4, authority=a)]
    rows = [(*r[:8], r[8] + {"A": 2, "B": 0, "C": -2}[r[0]] * (r[3] == "control"), r[9]) for r in rows]
    found = adjusted_saving(arm_sums(rows), [EXACT], asked).adjusted
    assert found is not None
    assert found.variance_tasks == pytest.approx(1.5 * (8**2 + 8**2))  # what swings within an authority is gone
    assert found.clusters_min == 3


def test_authorities_of_which_one_does_nearly_everything_are_not_enough() -> None:
    asked = Sufficiency(control_tasks=12, clusters=30, effective_authorities=2.9)
    equal = [r for a in "ABC" for r in arms(4, authority=a)]
    more = [row("control", f"more{i}", 1, 10) for i in range(4)]
    verdict = [adjusted_saving(arm_sums(rows), [EXACT], asked).headline for rows in (equal, [*equal, *more])]
    assert verdict == ["adjusted", "net"]  # 12²/(3·16) = 3 and 16²/(8² + 2·4²) = 2.67 in the control arm


def test_what_is_insufficient_stands_apart_with_its_own_interval() -> None:
    errors = [EXACT, BaselineError("c", "s", 3, 2)]
    enough = arms(200)
    few = arms(40, authority="B", baseline="c")
    found = adjusted_saving(arm_sums([*enough, *few]), errors)
    assert found.adjusted == adjusted_saving(arm_sums(enough), errors).adjusted
    treated = [r for r in few if r[3] == "treated"]
    one = arm_sums(treated)
    sums = ClusterSums(one.authority, one.task_type, one.complexity, one.cluster, one.effort_ms, one.credit_ms)
    assert found.insufficient == net_interval(sums, [BaselineUse(errors[1], "B", 40)])
    assert found.insufficient.net_ms == 0
    assert found.cells[1].net_ms == 0
    assert not found.insufficient.covers_drift


def test_effort_without_credit_counts_in_both_arms() -> None:
    base = arms(200)
    before, after_control, after_treated = (
        adjusted_saving(arm_sums([*base, *more]), [EXACT]).adjusted
        for more in ([], [row("control", "c", 1, 50, credited=0)], [row("treated", "t", 1, 50, credited=0)])
    )
    assert before is not None
    assert after_control is not None
    assert after_treated is not None
    assert after_control.saving_ms == pytest.approx(before.saving_ms + 50)
    assert after_treated.saving_ms == pytest.approx(before.saving_ms - 50)


def test_nothing_gives_nothing() -> None:
    found = adjusted_saving(arm_sums([]), [])
    assert (found.adjusted, found.cells, found.headline) == (None, (), "net")
    assert (found.insufficient.net_ms, found.insufficient.low_ms) == (0, None)


def test_only_control_is_insufficient_and_saves_nothing() -> None:
    found = adjusted_saving(arm_sums(arms(200)[:200]), [EXACT])
    assert (found.adjusted, found.insufficient.net_ms) == (None, 0)
    assert [(cell.verdict, cell.treated.tasks) for cell in found.cells] == [("insufficient", 0)]
    assert found.cells[0].drift is not None


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (row("comparison", "c", 1, 10), "role 'comparison': only treated and control"),
        (row("control", "c", 1, 10, credited=2), "more tasks with credit than tasks"),
        (row("control", "c", 1, -10), "a sum below 0"),
        (("A", "t", "low", "control", "c", "b", 1, 0, 10, 10), "credit in a row where no task earns any"),
        (row("control", "c", 1, 10, baseline="other"), "nothing is known of baseline 'other'"),
    ],
)
def test_sums_that_cannot_be_are_refused(bad: Row, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        adjusted_saving(arm_sums([*arms(3), bad]), [EXACT])


def test_columns_of_different_lengths_are_refused() -> None:
    sums = arm_sums(arms(3))
    with pytest.raises(ValueError, match="different lengths"):
        adjusted_saving(replace(sums, credit_ms=sums.credit_ms[1:]), [EXACT])
