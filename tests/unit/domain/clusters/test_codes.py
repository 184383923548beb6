"""Numbers of rows, sums, the effective number of clusters."""

import numpy as np
import pytest

from services.domain.clusters.codes import clusters_by, combined, effective_by, numbered, same_length, sums_by


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


def test_columns_of_different_lengths_are_an_error() -> None:
    same_length(["a"], integers(1))
    with pytest.raises(ValueError, match=r"\[1, 2\] rows"):
        same_length(["a"], integers(1, 2))
