"""What is large enough stands alone, what is not is looked at again one level up."""

import numpy as np

from services.domain.clusters.pooling import NO_CELL, pool


def integers(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_what_has_found_its_cell_is_not_there_at_the_next_level() -> None:
    first, second = integers(0, 0, 0, 1, 2), integers(5, 5, 5, 5, 5)
    cell, level = pool([first, second], lambda _level, _rows, code, codes: np.bincount(code, minlength=codes) >= 2)
    assert (cell.tolist(), level.tolist()) == ([0, 0, 0, 1, 1], [0, 1])
    cell, level = pool([first, second], lambda _level, _rows, code, codes: np.bincount(code, minlength=codes) >= 3)
    assert (cell.tolist(), level.tolist()) == ([0, 0, 0, NO_CELL, NO_CELL], [0])
