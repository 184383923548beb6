"""Numbers of rows, sums, the effective number of clusters, pooling."""

import numpy as np
import pytest

from services.domain.clusters.strata import (
    NO_CELL,
    Strata,
    clusters_by,
    combined,
    effective_by,
    half_width,
    numbered,
    pool,
    sums_by,
)


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_numbers_follow_the_order_of_the_names() -> None:
    names, codes = numbered(["b", "a", "b", "c"])
    assert (names.tolist(), codes.tolist()) == (["a", "b", "c"], [1, 0, 1, 2])
    assert combined(integers(1, 0, 1), integers(5, 7, 4)).tolist() == [2, 0, 1]


def test_integer_sums_are_exact_beyond_what_a_float_holds() -> None:
    large = 2**53
    assert sums_by(integers(0, 0, 1), integers(large, 1, 7), 2).tolist() == [large + 1, 7]


def test_the_effective_number_of_clusters() -> None:
    group, cluster = integers(0, 0, 0, 0, 1, 1, 2), integers(1, 2, 3, 1, 1, 2, 9)
    found = effective_by(group, cluster, integers(2, 4, 4, 2, 9, 0, 0), 4)
    assert found.tolist() == pytest.approx([3, 1, 0, 0])
    assert clusters_by(group, cluster, 4).tolist() == [3, 2, 1, 0]


def test_what_has_found_its_cell_is_not_there_at_the_next_level() -> None:
    first, second = integers(0, 0, 0, 1, 2), integers(5, 5, 5, 5, 5)
    cell, level = pool([first, second], lambda _level, _rows, code, codes: np.bincount(code, minlength=codes) >= 2)
    assert (cell.tolist(), level.tolist()) == ([0, 0, 0, 1, 1], [0, 1])
    cell, level = pool([first, second], lambda _level, _rows, code, codes: np.bincount(code, minlength=codes) >= 3)
    assert (cell.tolist(), level.tolist()) == ([0, 0, 0, NO_CELL, NO_CELL], [0])


def test_psi_is_summed_over_strata_before_it_is_squared() -> None:
    # Two strata, clusters 0 and 1 in both; residuals 5, -5 and -3, 3; a² = 2 in each.
    strata = Strata.of(integers(0, 0, 1, 1), integers(0, 1, 0, 1), integers(15, 5, 7, 13), integers(10, 10, 10, 10), 2)
    together = strata.variances(np.array([1.0, 1.0]), integers(0, 0), 1)
    apart = strata.variances(np.array([1.0, 1.0]), integers(0, 1), 2)
    assert together.tolist() == pytest.approx([2 * (2**2 + 2**2)])
    assert apart.tolist() == pytest.approx([2 * (5**2 + 5**2), 2 * (3**2 + 3**2)])
    assert strata.ratio.tolist() == [1.0, 1.0]


def test_one_cluster_has_no_interval() -> None:
    assert half_width(1.0, 1) is None
    assert half_width(4.0, 2) == pytest.approx(2 * 12.7062047)
