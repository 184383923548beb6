"""95 % intervals from a variance."""

import pytest

from services.domain.clusters.intervals import NORMAL, half_width, interval


def test_the_quantile_is_that_of_t_with_one_degree_less_than_there_are_clusters() -> None:
    assert half_width(4.0, 2) == pytest.approx(2 * 12.7062047)
    assert interval(10, 4.0, 31) == pytest.approx((10 - 2 * 2.0422725, 10 + 2 * 2.0422725))
    assert pytest.approx(1.9599640) == NORMAL


def test_one_cluster_has_no_interval() -> None:
    assert interval(10, 4.0, 1) == (None, None)
    with pytest.raises(ValueError, match="needs two"):
        half_width(4.0, 1)
