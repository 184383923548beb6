"""The clustered variance of a weighted sum of ratios."""

import numpy as np
import pytest

from services.domain.clusters.strata import Strata


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_psi_is_summed_over_strata_before_it_is_squared() -> None:
    # Two strata, clusters 0 and 1 in both; residuals 5, -5 and -3, 3; a² = 2 in each.
    strata = Strata.of(integers(0, 0, 1, 1), integers(0, 1, 0, 1), integers(15, 5, 7, 13), integers(10, 10, 10, 10), 2)
    together = strata.variances(np.array([1.0, 1.0]), integers(0, 0), 1)
    apart = strata.variances(np.array([1.0, 1.0]), integers(0, 1), 2)
    assert together.tolist() == pytest.approx([2 * (2**2 + 2**2)])
    assert apart.tolist() == pytest.approx([2 * (5**2 + 5**2), 2 * (3**2 + 3**2)])
    assert strata.ratio.tolist() == [1.0, 1.0]


def test_where_nothing_is_counted_per_the_whole_spread_counts() -> None:
    strata = Strata.of(integers(0, 0), integers(0, 1), integers(3, 4), integers(0, 0), 1)
    assert strata.ratio.tolist() == [0]
    assert strata.variances(np.ones(1), integers(0), 1).tolist() == pytest.approx([2 * (9 + 16)])
