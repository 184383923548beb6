"""Finished tasks of one kind, as columns: what a baseline is estimated from."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from contracts.tasks import TimeBasis
from services.domain.arrays import Integers, Mask

ClusterKind = Literal["case", "team", "worker", "task", "mixed"]
"""What the tasks of a cluster share; `task`: nothing is known, each is its own; `mixed`: of several kinds."""


@dataclass(frozen=True, slots=True)
class History:
    """n tasks, all of one time basis; columns of shape (n,), times in milliseconds. A part of effort that is unknown is 0
    with its mask false. `clusters`: a number for each case or team."""

    completed_ms: Integers
    active_ms: Integers
    review_ms: Integers
    review_known: Mask
    rework_ms: Integers
    rework_known: Mask
    clusters: Integers
    cluster_kind: ClusterKind
    time_basis: TimeBasis

    @property
    def further_ms(self) -> Integers:
        """Review and rework: what the idle cap does not bound."""
        return self.review_ms + self.rework_ms

    def only(self, chosen: Mask) -> "History":
        """The tasks where the mask is true."""
        return replace(
            self,
            completed_ms=self.completed_ms[chosen],
            active_ms=self.active_ms[chosen],
            review_ms=self.review_ms[chosen],
            review_known=self.review_known[chosen],
            rework_ms=self.rework_ms[chosen],
            rework_known=self.rework_known[chosen],
            clusters=self.clusters[chosen],
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts of effort beside the active one a history holds, and how many of its tasks lack one of these."""

    review: bool
    rework: bool
    lacking: int


def whole(history: History) -> tuple[History, Parts]:
    """The tasks whose effort is whole, and what that means.

    A part that no task has is no part of this history's effort. Where some have it, it is missing in the others, which is
    not zero: their effort is unknown, and they are left out.
    """
    parts = (history.review_known, history.rework_known)
    held = [known for known in parts if known.any()]
    complete = np.logical_and.reduce(held) if held else np.ones(len(history.active_ms), dtype=np.bool_)
    review, rework = (bool(known.any()) for known in parts)
    return history.only(complete), Parts(review, rework, int(np.count_nonzero(~complete)))
