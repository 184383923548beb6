"""What rollups must come to, from the words of issue and design: sums over tasks, one at a time, in plain Python."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

DAILY_KEYS: Final = (
    *("task_type", "complexity", "assistance", "arm", "status", "grade", "programme", "work", "audience"),
    *("baseline", "baseline_version", "assignment", "time_basis"),
)
_PARTS: Final = ("active_ms", "review_ms", "rework_ms", "abandoned_ms", "escalated_ms", "induced_ms")
DAILY_AMOUNTS: Final = (
    *("n", "n_credit", "n_capped", "n_reworked", "n_abandoned", "n_escalated", "n_induced"),
    *("effort_ms", "credit_ms", "saved_ms", "gross_ms", *_PARTS),
)
CLUSTER_AMOUNTS: Final = ("n", "n_credit", "effort_ms", "credit_ms", *_PARTS)

Sums = dict[tuple[Any, ...], tuple[Any, ...]]


def role(task: Mapping[str, Any]) -> str:
    if task["arm"]:
        return "control" if task["arm"] == "control" else "treated"
    return "comparison" if task["assistance"] == "none" else "treated"


def daily(tasks: Iterable[Mapping[str, Any]]) -> Sums:
    """By authority, day and the keys of `progress_daily`: role and amounts."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    roles = {}
    for task in tasks:
        key = (task["authority"], task["day"], *(task[name] for name in DAILY_KEYS))
        found.setdefault(key, Counter()).update(_amounts(task))
        roles[key] = role(task)
    return {key: (roles[key], *(sums[name] for name in DAILY_AMOUNTS)) for key, sums in found.items()}


def clusters(tasks: Iterable[Mapping[str, Any]]) -> Sums:
    """By authority, day and the keys of `progress_clusters`: amounts of the measured tasks that are treated or control."""
    found: dict[tuple[Any, ...], Counter[str]] = {}
    for task in tasks:
        if task["status"] != "measured" or role(task) == "comparison":
            continue
        earns = task["credit_ms"] is not None
        baseline = (task["baseline"], task["baseline_version"]) if earns else ("", 0)
        cluster = task["cluster"] or " " + task["task"]
        place = (
            task["task_type"],
            task["complexity"],
            role(task),
            cluster,
            *baseline,
            task["programme"],
            task["study"],
        )
        found.setdefault((task["authority"], task["day"], *place), Counter()).update(_amounts(task))
    return {key: tuple(sums[name] for name in CLUSTER_AMOUNTS) for key, sums in found.items()}


def _amounts(task: Mapping[str, Any]) -> Counter[str]:
    """What one task adds to each sum."""
    credit = task["credit_ms"]
    sums = Counter(n=1, n_credit=credit is not None, n_capped=task["capped"], n_reworked=(task["rework_ms"] or 0) > 0)
    sums += Counter()
    sums["effort_ms"], sums["credit_ms"], sums["saved_ms"] = task["effort_ms"], credit or 0, task["saved_ms"] or 0
    if credit is not None:
        sums["gross_ms"] = credit - task["counted_active_ms"]
        sums["active_ms"] = task["counted_active_ms"]
        sums["review_ms"], sums["rework_ms"] = task["review_ms"] or 0, task["rework_ms"] or 0
    elif task["status"] == "measured":
        cause = "induced" if task["outcome"] == "completed" else task["outcome"]
        sums[f"n_{cause}"] = 1
        sums[f"{cause}_ms"] = task["effort_ms"]
    return sums
