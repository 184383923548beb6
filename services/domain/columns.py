"""`match` and `measure` over whole columns. Their definitions are in `match.py` and `measure.py`; a property test holds
these equal to those, task by task.

A snapshot numbers the scopes that have baselines and cuts each scope's time into intervals on which the match is constant.
One `searchsorted` over (scope, start of interval) finds the baseline of every task at once.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

import numpy as np

from contracts.events import epoch_ms
from contracts.registry import Baseline
from services.domain.arrays import Integers, Mask
from services.domain.match import Registry, Scope, scope_of

STATUSES: Final = ("measured", "unmeasured", "incomplete")
NO_BASELINE: Final = -1


@dataclass(frozen=True, slots=True)
class TaskColumns:
    """A batch of n tasks. `scope_codes`: shape (n,), index into `scopes`, the distinct (authority, task type, complexity)
    of the batch; times in milliseconds, shape (n,); a part that is unknown is 0 with its mask false."""

    scopes: Sequence[tuple[str, str, str]]
    scope_codes: Integers
    completed_ms: Integers
    active_ms: Integers
    review_ms: Integers
    review_known: Mask
    rework_ms: Integers
    rework_known: Mask
    elapsed: Mask
    assisted: Mask
    earns_credit: Mask


@dataclass(frozen=True, slots=True)
class MeasurementColumns:
    """The measurements of a batch, shape (n,) each. `baseline` is an index into the snapshot's baselines or NO_BASELINE;
    `status` an index into STATUSES; credit and saved are 0 where their mask is false."""

    baseline: Integers
    status: Integers
    counted_active_ms: Integers
    capped: Mask
    effort_ms: Integers
    credit_ms: Integers
    has_credit: Mask
    saved_ms: Integers
    has_saved: Mask


class Snapshot:
    """A registry at one generation, prepared for columns. Its answers never change; the timelines of the scopes that it
    was asked about are remembered, since the same scopes come batch after batch."""

    def __init__(self, registry: Registry) -> None:
        self.generation = registry.generation
        self.baselines: list[Baseline] = registry.baselines()
        self._sector = {cvr: authority.sector for cvr, authority in registry.authorities().items()}
        self._timelines = _timelines(self.baselines)
        self._resolved: dict[tuple[str, str, str], tuple[list[int], list[int]]] = {}
        means = [baseline.mean_ms for baseline in self.baselines]
        caps = [np.iinfo(np.int64).max if baseline.cap_ms is None else baseline.cap_ms for baseline in self.baselines]
        self._mean = np.array([*means, 0], dtype=np.int64)
        self._cap = np.array([*caps, np.iinfo(np.int64).max], dtype=np.int64)

    @property
    def versions(self) -> int:
        """How many baseline versions can be matched."""
        return len(self.baselines)

    def match(self, tasks: TaskColumns) -> Integers:
        """The baseline of each task, as an index into `baselines` or NO_BASELINE; shape (n,)."""
        starts: list[int] = []
        found: list[int] = []
        first: list[int] = []
        for scope in tasks.scopes:
            first.append(len(starts))
            its_starts, its_baselines = self._resolved.get(scope) or self._resolve(scope)
            starts += its_starts
            found += its_baselines
        origin = np.array(first, dtype=np.int64)[tasks.scope_codes]
        # One sorted key for (scope, time): the scope in the high bits, the time below them.
        lengths = np.diff([*first, len(starts)])
        keys = _key(np.repeat(np.arange(len(first), dtype=np.int64), lengths), np.array(starts, dtype=np.int64))
        at = np.searchsorted(keys, _key(tasks.scope_codes, tasks.completed_ms), side="right") - 1
        return np.where(at >= origin, np.array([*found, NO_BASELINE], dtype=np.int64)[at], NO_BASELINE)

    def measure(self, tasks: TaskColumns) -> MeasurementColumns:
        """The measurement of each task."""
        baseline = self.match(tasks)
        counted = np.where(tasks.elapsed, np.minimum(tasks.active_ms, self._cap[baseline]), tasks.active_ms)
        effort = counted + tasks.review_ms + tasks.rework_ms
        matched = baseline != NO_BASELINE
        has_credit = tasks.earns_credit & matched
        credit = np.where(has_credit, self._mean[baseline], 0)
        unmeasured = tasks.earns_credit & ~matched
        incomplete = ~unmeasured & tasks.assisted & ~(tasks.review_known & tasks.rework_known)
        has_saved = ~(unmeasured | incomplete)
        return MeasurementColumns(
            baseline=baseline,
            status=np.where(unmeasured, 1, np.where(incomplete, 2, 0)),
            counted_active_ms=counted,
            capped=counted < tasks.active_ms,
            effort_ms=effort,
            credit_ms=credit,
            has_credit=has_credit,
            saved_ms=np.where(has_saved, credit - effort, 0),
            has_saved=has_saved,
        )

    def _resolve(self, scope: tuple[str, str, str]) -> tuple[list[int], list[int]]:
        """Starts (ms) and baselines of the intervals of a task's scope: the most specific of its scopes that has one.

        Remembered where there is a baseline at all: task types are the sources' words, and without bound.
        """
        authority, task_type, complexity = scope
        whose = {"authority": authority, "sector": self._sector.get(authority), "nation": ""}
        candidates = [
            timeline
            for level, owner in whose.items()
            for wanted in (complexity, "any")
            if owner is not None and (timeline := self._timelines.get((level, owner, task_type, wanted)))
        ]
        cuts = sorted({start for timeline in candidates for start, _ in timeline})
        resolved = (cuts, [_first_at(candidates, cut) for cut in cuts])
        if cuts:
            self._resolved[scope] = resolved
        return resolved


def _key(scope: Integers, time_ms: Integers) -> Integers:
    return (scope << 43) | time_ms  # epoch milliseconds of the years 2000 to 2100 fit into 43 bits


def _first_at(timelines: list[list[tuple[int, int]]], moment: int) -> int:
    for timeline in timelines:
        at = bisect_right(timeline, (moment, len(timeline) + 2**62)) - 1
        if at >= 0 and timeline[at][1] != NO_BASELINE:
            return timeline[at][1]
    return NO_BASELINE


def _timelines(baselines: list[Baseline]) -> dict[Scope, list[tuple[int, int]]]:
    """Per scope (start ms, index of the newest baseline in force from then on, or NO_BASELINE)."""
    members: dict[Scope, list[tuple[int, int, int]]] = {}
    for index, baseline in enumerate(baselines):
        end = epoch_ms(baseline.end)
        members.setdefault(scope_of(baseline), []).append((epoch_ms(baseline.valid_from), end, index))
    return {scope: _timeline(intervals) for scope, intervals in members.items()}


def _timeline(intervals: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Sweeps (start, end, index) by start; on the heap, newest first, are the baselines that may be in force."""
    waiting = sorted(intervals, reverse=True)
    in_force: list[tuple[int, int]] = []
    timeline: list[tuple[int, int]] = []
    for cut in sorted({moment for start, end, _ in intervals for moment in (start, end)}):
        while waiting and waiting[-1][0] == cut:
            _, end, index = waiting.pop()
            heappush(in_force, (-index, end))
        while in_force and in_force[0][1] <= cut:
            heappop(in_force)
        timeline.append((cut, -in_force[0][0] if in_force else NO_BASELINE))
    return timeline
