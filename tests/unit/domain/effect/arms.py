"""Rows of sums for tests: from tuples, or from tasks one by one."""

from collections.abc import Sequence

import numpy as np

from services.domain.effect.arms import ArmSums

Row = tuple[str, str, str, str, str, str, int, int, int, int]
"""authority, task type, complexity, role, cluster, baseline, n, n_credit, effort, credit"""


def arm_sums(rows: Sequence[Row]) -> ArmSums:
    columns = list(zip(*rows, strict=True)) if rows else [()] * 10
    texts, numbers = columns[:6], columns[6:]
    return ArmSums(*(np.array(text, dtype=str) for text in texts), *(np.array(n, dtype=np.int64) for n in numbers))
