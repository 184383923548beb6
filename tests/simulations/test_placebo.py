"""A small, seeded placebo on the real log: where nobody used AI nothing is saved. The full one: `make simulate`."""

import numpy as np
import pytest

from services.domain.effect.sufficiency import Sufficiency
from tests.simulations import real_log_report
from tests.simulations.placebo import TOTAL, Found, Splittable, splits
from tests.simulations.real_log import LOG, LaterTasks, later_tasks
from tests.simulations.report import Coverage

pytestmark = pytest.mark.skipif(not LOG.exists(), reason="the real log is not beside the project")
SPLITS = 150


@pytest.fixture(scope="module")
def tasks() -> LaterTasks:
    return later_tasks()


@pytest.fixture(scope="module")
def found(tasks: LaterTasks) -> Found:
    split = Splittable.of(tasks, tasks.case)
    return splits(np.random.default_rng(2012), split, SPLITS, Sufficiency(), lambda: None, (80, 100))


def percent(one: Coverage) -> float:
    assert one.percent is not None
    return one.percent


@pytest.mark.parametrize("factor", [80, 100])
def test_the_truth_is_covered_in_the_total_and_in_each_type(found: Found, factor: int) -> None:
    covered = {name: one for (at, name), one in found.covered.items() if at == factor}
    assert len(covered) == 7  # five types, the total, and the total of exactly these tasks
    assert all(one.runs == SPLITS for one in covered.values())
    assert 90 <= percent(covered[TOTAL]) <= 99.5
    assert all(percent(one) >= 88 for one in covered.values())
    assert 92.5 <= np.mean([percent(one) for one in covered.values()]) <= 97.5


def test_the_estimate_is_right_on_average(found: Found) -> None:
    for factor in (80, 100):
        estimates, truths = np.array(found.totals[factor]).T
        spread = float(estimates.std()) / SPLITS**0.5
        assert abs(float((estimates - truths).mean())) < 4 * spread


def test_the_smallest_type_says_insufficient(found: Found) -> None:
    assert [name for name, one in found.sufficient.items() if one.percent == 0] == ["local:w_beoordelen-fraude"]
    assert sum(one.percent == 100 for one in found.sufficient.values()) == 5


def test_without_control_the_unchanged_half_seems_to_save_or_to_cost(tasks: LaterTasks) -> None:
    table = real_log_report.unadjusted(np.random.default_rng(2012), Splittable.of(tasks, tasks.case), 40)
    assert float(str(table.rows[0][1])) < 80


def test_a_cap_on_raw_times_shows_less_than_there_is(tasks: LaterTasks) -> None:
    shown = {row[0]: row[2] for row in real_log_report.capped(tasks).rows}
    assert shown["none"] == 20.0
    assert 12 < float(str(shown[15])) < float(str(shown[60])) < 20
