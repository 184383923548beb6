"""Two arms against each other: sums of both, and groups of cells."""

import numpy as np
import pytest

from services.domain.clusters.contrast import CONTROL, TREATED, Contrast


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_groups_of_cells() -> None:
    # Cell 0: control 10/10 and 14/10, d = 1.2; treated 10/20 and 12/20. Cell 1: control without anything to count per.
    found = Contrast.of(
        cell=integers(0, 0, 0, 0, 1, 1, 1, 1),
        treated=np.array([False, False, True, True] * 2),
        cluster=integers(0, 1, 2, 3, 0, 0, 2, 3),
        n=integers(1, 1, 2, 2, 1, 1, 1, 1),
        effort=integers(10, 14, 10, 12, 5, 5, 6, 8),
        per=integers(10, 10, 20, 20, 0, 0, 1, 1),
        cells=2,
    )
    assert found.d.tolist() == pytest.approx([1.2, 0])
    assert found.scale.tolist() == pytest.approx([2, 0])
    assert found.tasks.tolist() == [[2, 4], [2, 2]]
    assert found.saving.tolist() == pytest.approx([1.2 * 40 - 22, -14])
    assert (found.clusters[1, CONTROL], found.clusters[1, TREATED]) == (1, 2)
    saving, variance, fewest = found.savings(integers(0, 1), 2)
    assert saving.tolist() == pytest.approx([26, -14])
    # Control residuals -2 and 2, weighted R·a = 2·sqrt(2); treated -1 and 1, a = sqrt(2). In cell 1 -1 and 1.
    assert variance.tolist() == pytest.approx([2 * 4 * (4 + 4) + 2 * (1 + 1), 2 * (1 + 1)])
    assert fewest.tolist() == [2, 1]
    # Clusters 2 and 3 are added up over both cells: residuals of -1 and -1, 1 and 1.
    assert found.savings(integers(0, 0), 1)[1].tolist() == pytest.approx([2 * 4 * (4 + 4) + 2 * (4 + 4)])
