"""Cells that are large enough: each row at the most specific level where what shares its code is enough."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from services.domain.arrays import Codes, Mask

NO_CELL: Final = -1

Enough: TypeAlias = Callable[[int, Codes, Codes, int], Mask]
"""(level, rows, the code of each of these rows, how many codes) -> for each code, whether it is enough for a cell."""


def pool(levels: Sequence[Codes], enough: Enough) -> tuple[Codes, Codes]:
    """The cell of each row: at the first, most specific level where what shares its code is enough; else `NO_CELL`.

    A row that has found its cell is no longer there at the levels above: what is pooled is what was too small. Returns
    the cell of each row, shape (m,), and the level of each cell.
    """
    cell = np.full(len(levels[0]), NO_CELL, dtype=np.intp)
    level_of: list[Codes] = [np.zeros(0, dtype=np.intp)]
    used = 0
    for level, names in enumerate(levels):
        rows = np.flatnonzero(cell == NO_CELL)
        if len(rows) == 0:
            break
        _, code = np.unique(names[rows], return_inverse=True)
        large = enough(level, rows, code, int(code.max()) + 1)
        numbers = used + np.cumsum(large) - 1
        cell[rows[large[code]]] = numbers[code[large[code]]]
        level_of.append(np.full(int(large.sum()), level, dtype=np.intp))
        used += int(large.sum())
    return cell, np.concatenate(level_of)
