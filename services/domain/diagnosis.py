"""What has to be known of a history before a baseline may rest on it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.domain.estimate import Estimate, counted_ms, estimate
from services.domain.heaping import Heaping, heaping
from services.domain.history import ClusterKind, History, Parts, whole
from services.domain.stability import (
    Ratio,
    largest_share,
    ratio_of_means,
    ratio_of_tasks_per_cluster,
    second_half,
)

MATURITY_MS: Final = 90 * 86_400_000
"""A figure is provisional while its tasks are younger: rework is still coming."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found in a history of `tasks`, of which those with `parts.lacking` are in no figure.

    `stability`, `splitting`: mean effort, and tasks per case, of the second half of the window against the first; `None`
    where a half is too small, and for tasks per case where the clusters are no cases. `largest_share`: of the counted time,
    in one cluster. `immature`: tasks younger than 90 days when their rework was last looked at. `drawn`: they were drawn by
    lot to be done without AI. Of these: `assisted` were done with it; `other_basis` are left out because their time was
    measured in another way; `without_cluster` came without a token and are each a cluster of their own.
    """

    tasks: int
    cluster_kind: ClusterKind
    parts: Parts
    heaping: tuple[Heaping, ...]
    stability: Ratio | None
    tasks_per_case: float | None
    splitting: Ratio | None
    largest_share: float
    immature: int
    drawn: bool = False
    assisted: int = 0
    other_basis: int = 0
    without_cluster: int = 0


def diagnose(history: History, observed_until_ms: int, fixed_cap_ms: int | None = None) -> tuple[Estimate, Diagnosis]:
    """The estimate of a history, and what has to be known of it.

    `observed_until_ms`: until when the source shows what was done to these tasks. Where no task has all parts of its
    effort the estimate is of nothing (n = 0). `fixed_cap_ms`: the idle cap was fixed before. Raises `ValueError` for no tasks.
    """
    if len(history.active_ms) == 0:
        raise ValueError("no tasks")
    complete, parts = whole(history)
    immature = int(np.count_nonzero(complete.completed_ms > observed_until_ms - MATURITY_MS))
    if len(complete.active_ms) == 0:
        nothing = Estimate(0, 0, 0, 0, 0, 0, None, 0.0, 0, history.time_basis)
        empty = Diagnosis(parts.lacking, history.cluster_kind, parts, (), None, None, None, 0.0, 0)
        return nothing, empty
    found = estimate(complete.active_ms, complete.clusters, complete.time_basis, complete.further_ms, fixed_cap_ms)
    effort = counted_ms(complete.active_ms, found.cap_ms) + complete.further_ms
    second = second_half(complete.completed_ms)
    of_cases = complete.cluster_kind == "case"
    return found, Diagnosis(
        tasks=len(history.active_ms),
        cluster_kind=complete.cluster_kind,
        parts=parts,
        heaping=heaping(complete.active_ms),
        stability=ratio_of_means(effort, second, complete.clusters),
        tasks_per_case=found.n / found.clusters if of_cases else None,
        splitting=ratio_of_tasks_per_cluster(second, complete.clusters) if of_cases else None,
        largest_share=largest_share(effort, complete.clusters),
        immature=immature,
    )
