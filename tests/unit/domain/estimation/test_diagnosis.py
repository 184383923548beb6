"""What is found in a history, by hand, and what must not change it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.tasks import TimeBasis
from services.domain.estimation.diagnosis import MATURITY_MS, diagnose
from services.domain.estimation.history import ClusterKind, History, Parts, whole

MINUTE = 60_000
DAY = 86_400_000
Part = int | None
Row = tuple[int, Part, Part, int, int]
"""Active, review, rework in minutes; the case; the day of completion."""


def history(*rows: Row, basis: TimeBasis = "elapsed", kind: ClusterKind = "case") -> History:
    active, review, rework, cases, days = zip(*rows, strict=True)

    def known(values: tuple[Part, ...]) -> np.ndarray:
        return np.array([value is not None for value in values])

    def ms(values: tuple[Part, ...]) -> np.ndarray:
        return np.array([(value or 0) * MINUTE for value in values], dtype=np.int64)

    return History(
        completed_ms=np.array(days, dtype=np.int64) * DAY,
        active_ms=ms(active),
        review_ms=ms(review),
        review_known=known(review),
        rework_ms=ms(rework),
        rework_known=known(rework),
        clusters=np.array(cases, dtype=np.int64),
        cluster_kind=kind,
        time_basis=basis,
    )


def test_the_cap_bounds_the_active_part_alone() -> None:
    # 98 tasks of 10 + 1 + 0 minutes, one of 10 + 0 + 50, one of 300 + 0 + 60: 300 is cut to 15, the rework is not.
    rows = [(10, 1, 0, n, n % 9) for n in range(98)] + [(10, 0, 50, 98, 0), (300, 0, 60, 99, 8)]
    found, _ = diagnose(history(*rows), 0)
    assert (found.cap_ms, found.capped_share) == (15 * MINUTE, 0.01)
    assert found.mean_ms == (98 * 11 + 60 + 75) * MINUTE // 100
    assert found.raw_mean_ms == (98 * 11 + 60 + 360) * MINUTE // 100
    assert found.median_ms == 11 * MINUTE


def test_a_long_rework_raises_no_cap() -> None:
    rows = [(10, None, 0, n, 0) for n in range(90)] + [(10, None, 500, n, 1) for n in range(10)]
    found, _ = diagnose(history(*rows), 0)
    assert (found.cap_ms, found.capped_share, found.p90_ms) == (15 * MINUTE, 0.0, 60 * MINUTE)  # 10 + 0.1 · 500


def test_a_part_that_is_missing_leaves_the_task_out_and_is_never_zero() -> None:
    rows = [(10, 2, 4, 0, 0), (10, 2, None, 1, 0), (10, None, 4, 2, 1), (20, 0, 0, 3, 1)]
    complete, parts = whole(history(*rows))
    assert (complete.active_ms.tolist(), complete.clusters.tolist()) == ([10 * MINUTE, 20 * MINUTE], [0, 3])
    assert parts == Parts(review=True, rework=True, lacking=2)
    found, diagnosis = diagnose(history(*rows), 0)
    assert (found.n, found.mean_ms, diagnosis.tasks) == (2, 18 * MINUTE, 4)


def test_a_part_that_no_task_has_is_no_part_of_the_effort() -> None:
    found, diagnosis = diagnose(history((10, None, 4, 0, 0), (20, None, 0, 1, 0)), 0)
    assert (found.mean_ms, diagnosis.parts) == (17 * MINUTE, Parts(review=False, rework=True, lacking=0))


def test_where_no_task_is_whole_the_estimate_is_of_nothing() -> None:
    found, diagnosis = diagnose(history((10, None, 4, 0, 0), (20, 1, None, 1, 0)), 0)
    assert (found.n, found.supported, diagnosis.tasks, diagnosis.parts.lacking) == (0, False, 2, 2)


def test_no_tasks_are_no_history() -> None:
    with pytest.raises(ValueError, match="no tasks"):
        diagnose(history((1, None, None, 0, 0)).only(np.array([False])), 0)


def test_what_is_younger_than_ninety_days_is_immature() -> None:
    tasks = history((10, 0, 0, 0, 0), (10, 0, 0, 1, 10), (10, 0, 0, 2, 11))
    _, found = diagnose(tasks, 10 * DAY + MATURITY_MS)
    assert found.immature == 1


def test_concentration_and_stability_are_of_counted_effort() -> None:
    # Case 0 has one of 100 tasks: 900 minutes open, of which 15 count.
    rows = [(900 if n == 0 else 10, 0, 0, n, 0 if n < 50 else 9) for n in range(100)]
    _, found = diagnose(history(*rows), 0)
    assert found.largest_share == pytest.approx(15 / (15 + 99 * 10))
    assert found.stability is not None
    assert found.stability.ratio == pytest.approx(10 / (505 / 50))


def test_heaping_is_of_durations_as_they_were_recorded() -> None:
    # Elapsed times of 7 minutes, and two that the cap cuts to 15: no duration stands on a multiple of 15.
    rows = [(7, 0, 0, n, 0) for n in range(98)] + [(137, 0, 0, n, 1) for n in range(2)]
    found, diagnosis = diagnose(history(*rows), 0)
    assert found.cap_ms == 15 * MINUTE
    assert [heap.share for heap in diagnosis.heaping] == [0, 0, 0]


def test_tasks_per_case_are_of_cases_alone() -> None:
    rows = [(10, 0, 0, n % 10, n % 3) for n in range(40)]
    _, of_cases = diagnose(history(*rows), 0)
    _, of_teams = diagnose(history(*rows, kind="team"), 0)
    assert (of_cases.tasks_per_case, of_teams.tasks_per_case, of_teams.splitting) == (4.0, None, None)
    assert of_cases.splitting is not None


PARTS = st.none() | st.integers(0, 100)
ROWS = st.lists(
    st.tuples(st.integers(0, 400), PARTS, PARTS, st.integers(0, 6), st.integers(0, 300)), min_size=1, max_size=60
)


@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 3_000), st.integers(0, 500))
def test_neither_the_order_of_rows_nor_the_calendar_matters(
    rows: list[Row], chance: object, shift_days: int, until_days: int
) -> None:
    shuffled = [(*row[:4], row[4] + shift_days) for row in rows]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    one, found = diagnose(history(*rows), until_days * DAY)
    two, again = diagnose(history(*shuffled), (until_days + shift_days) * DAY)
    assert replace(one, standard_error_ms=0) == replace(two, standard_error_ms=0)
    assert abs(one.standard_error_ms - two.standard_error_ms) <= 1
    assert (found.parts, found.immature, found.heaping) == (again.parts, again.immature, again.heaping)
    assert found.largest_share == pytest.approx(again.largest_share)
    assert (found.stability is None) == (again.stability is None)
    if found.stability is not None and again.stability is not None:
        assert found.stability.ratio == pytest.approx(again.stability.ratio)
