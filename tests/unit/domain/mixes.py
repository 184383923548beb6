"""Small mixes of tasks for tests."""

from collections.abc import Sequence

import numpy as np

from services.domain.mix import TaskMix

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
        *([word for mix in mixes for word in getattr(mix, name)] for name in NAMES),
    )


NAMES = ("task_type", "complexity", "work", "audience", "stratum", "cluster")
