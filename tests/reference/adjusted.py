"""The adjusted saving task by task, straight from the design's formulas: plain Python, nothing of the project."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True)
class Task:
    """One measured task in a cell that has been chosen; `mu` is 0 and `baseline` empty where it earns no credit."""

    cell: str
    control: bool
    cluster: str
    effort: int
    mu: int = 0
    baseline: str = ""


@dataclass(frozen=True)
class Answer:
    """S, and the two parts of its variance."""

    saving: float
    of_tasks: float
    of_baselines: float


def adjusted(tasks: Sequence[Task], errors: Mapping[str, tuple[str, int]]) -> Answer:
    """`errors`: source and standard error of each baseline."""
    cells = sorted({task.cell for task in tasks})
    saving = 0.0
    psi: dict[str, float] = defaultdict(float)
    w: dict[str, float] = defaultdict(float)
    for cell in cells:
        control = [task for task in tasks if task.cell == cell and task.control]
        treated = [task for task in tasks if task.cell == cell and not task.control]
        b_c, b_t = sum(t.mu for t in control), sum(t.mu for t in treated)
        y_c, e_t = sum(t.effort for t in control), sum(t.effort for t in treated)
        d, scale, rho = y_c / b_c, b_t / b_c, e_t / b_t if b_t else 0.0
        saving += d * b_t - e_t
        for arm, weight, ratio in ((control, scale, d), (treated, -1.0, rho)):
            groups = len({t.cluster for t in arm})
            a = sqrt(groups / (groups - 1)) if groups > 1 else 1.0
            for t in arm:
                psi[t.cluster] += a * weight * (t.effort - ratio * t.mu)
        for b in {t.baseline for t in (*control, *treated)} - {""}:
            in_treated, in_control = (sum(t.baseline == b for t in arm) for arm in (treated, control))
            w[b] += d * (in_treated - scale * in_control)
    by_source: dict[str, float] = defaultdict(float)
    for b, weight in w.items():
        source, error = errors[b]
        by_source[source] += abs(weight) * error
    return Answer(saving, sum(p**2 for p in psi.values()), sum(e**2 for e in by_source.values()))
