"""Small mixes of tasks for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.domain.effect.mix import TaskMix

Line = tuple[str, str, int, int]
"""Task type, complexity, how many treated tasks, how many of the control: each of a cluster of its own."""


def task_mix(lines: Sequence[Line], stratum: str = "") -> TaskMix:
    tasks = [
        (task_type, complexity, arm == "t")
        for task_type, complexity, treated, control in lines
        for arm in "t" * treated + "c" * control
    ]
    n = len(tasks)
    return TaskMix(
        treated=np.array([treated for _, _, treated in tasks]),
        n=np.ones(n, dtype=np.int64),
        task_type=[task_type for task_type, _, _ in tasks],
        complexity=[complexity for _, complexity, _ in tasks],
        work=["core"] * n,
        audience=["citizen"] * n,
        stratum=[stratum] * n,
        cluster=[f"{stratum}{i}" for i in range(n)],
    )


def together(*mixes: TaskMix) -> TaskMix:
    return TaskMix(
        np.concatenate([mix.treated for mix in mixes]),
        np.concatenate([mix.n for mix in mixes]),
        *([word for mix in mixes for word in getattr(mix, name)] for name in NAMES),
    )


NAMES = ("task_type", "complexity", "work", "audience", "stratum", "cluster")


def added_up(mix: TaskMix, effort: Any) -> tuple[TaskMix, Any]:
    """One row per cell, group and cluster, as a database gives them."""
    sums: dict[tuple[Any, ...], list[int]] = {}
    columns = zip(mix.treated.tolist(), *(getattr(mix, name) for name in NAMES), mix.n, effort, strict=True)
    for *key, n, value in columns:
        one = sums.setdefault(tuple(key), [0, 0])
        one[0] += int(n)
        one[1] += int(value)
    treated, *words = zip(*sums, strict=True)
    n, total = (np.array(column) for column in zip(*sums.values(), strict=True))
    return TaskMix(np.array(treated), n, *words), total
