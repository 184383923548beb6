"""From control tasks that were received to estimates: how a baseline is renewed from the permanent random holdout. Pure.

Control tasks were drawn to be done without AI before the work began, so they are not chosen for being quick; and they come
through the same case systems, with the same parts of effort, as the tasks that will be measured against them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.events import epoch_ms, moment_at
from contracts.registry import BaselineComplexity
from contracts.tasks import TimeBasis
from services.baselines.estimates import TaskTypeEstimate
from services.domain.arrays import Integers, Mask
from services.domain.estimation.diagnosis import Diagnosis, diagnose
from services.domain.estimation.estimate import Estimate
from services.domain.estimation.history import ClusterKind, History
from services.domain.tables import equals, integers

_BASES: Final[tuple[TimeBasis, ...]] = ("measured", "elapsed", "self_reported")
_EVIDENCE: Final = [
    *("authority", "task", "revision", "log_no", "partition", "offset", "task_type", "complexity", "started_ms"),
    *("completed_ms", "time_basis", "assistance", "origin", "outcome", "cluster", "cluster_kind"),
    *("active_ms", "review_ms", "rework_ms"),
]


@dataclass(frozen=True, slots=True)
class Controls:
    """The newest states of control tasks, completed in a window. `whose`: the CVR number, the sector, or `nation`.
    `observed_until`: the broker's time of the newest state of any task there, until when corrections and rework are known.

    Columns of `states`: text `authority task task_type complexity time_basis assistance origin outcome cluster cluster_kind`;
    integers `revision log_no partition offset started_ms completed_ms active_ms review_ms rework_ms` (milliseconds, review and
    rework null where unknown, moments since 1970 UTC).
    """

    whose: str
    states: pa.Table
    observed_until: datetime

    @property
    def source(self) -> str:
        """What names the evidence. All controls of a scope are one source: their errors are shared."""
        return f"controls-{self.whose}"

    @property
    def evidence(self) -> bytes:
        """These states as a text file: a line that names the columns, then one line a task, sorted by authority and task,
        with tabs between and `\\N` for null."""
        table = self.states.select(_EVIDENCE).sort_by([("authority", "ascending"), ("task", "ascending")])
        text = [pc.fill_null(column.cast(pa.string()), "\\N") for column in table.columns]
        lines = pc.binary_join_element_wise(*text, "\t").to_pylist()
        return "".join(f"{line}\n" for line in ["\t".join(_EVIDENCE), *lines]).encode()

    @property
    def sha256(self) -> str:
        """The digest of the evidence, hex: of exactly these states, whatever their order."""
        return hashlib.sha256(self.evidence).hexdigest()


@dataclass(frozen=True, slots=True)
class ControlCounts:
    """Control tasks in the window, and those that are in no estimate since a baseline is of finished tasks that would exist
    without AI: abandoned, escalated or induced."""

    controls: int
    unfinished: int
    induced: int


def control_counts(controls: Controls) -> ControlCounts:
    """How many there are, and how many earn no credit."""
    finished, induced = equals(controls.states, "outcome", "completed"), equals(controls.states, "origin", "induced")
    return ControlCounts(len(finished), int(np.count_nonzero(~finished & ~induced)), int(np.count_nonzero(induced)))


def control_estimates(controls: Controls, *, pooled: bool = False) -> list[TaskTypeEstimate]:
    """One estimate per task type and complexity, in their order; `pooled`: per task type, for complexity `any`.

    Tasks count as they were drawn, whatever then happened (intention to treat). Review of a task that was done without AI is
    known to be nothing. In a cell with several time bases the one of most tasks counts, of equally many the most exact; the
    others are left out and stated. The method is `holdout`, or `self_report` where people said how long it took.
    """
    return [
        _estimate(cell, task_type, complexity, controls.observed_until, None)
        for task_type, complexity, cell in _cells(_finished(controls), pooled=pooled)
    ]


def renewed_estimate(controls: Controls, complexity: BaselineComplexity, cap_ms: int | None) -> TaskTypeEstimate | None:
    """The one estimate of controls of one task type, for this complexity, with the idle cap that was fixed before AI;
    `None` where no task is finished."""
    finished = _finished(controls)
    if finished.num_rows == 0:
        return None
    (task_type,) = pc.unique(finished.column("task_type")).to_pylist()
    return _estimate(finished, task_type, complexity, controls.observed_until, cap_ms)


def _finished(controls: Controls) -> pa.Table:
    states = controls.states
    earns = equals(states, "outcome", "completed") & equals(states, "origin", "pre_existing")
    return states.filter(pa.array(earns))


def _cells(states: pa.Table, *, pooled: bool) -> Iterator[tuple[str, BaselineComplexity, pa.Table]]:
    task_types, complexities = states.column("task_type"), states.column("complexity")
    for task_type in sorted(pc.unique(task_types).to_pylist()):
        of_type = states.filter(pc.equal(task_types, task_type))
        if pooled:
            yield task_type, "any", of_type
            continue
        for complexity in sorted(pc.unique(complexities.filter(pc.equal(task_types, task_type))).to_pylist()):
            yield task_type, complexity, of_type.filter(pc.equal(of_type.column("complexity"), complexity))


def _estimate(
    cell: pa.Table,
    task_type: str,
    complexity: BaselineComplexity,
    observed_until: datetime,
    cap_ms: int | None,
) -> TaskTypeEstimate:
    counts = {basis: int(np.count_nonzero(equals(cell, "time_basis", basis))) for basis in _BASES}
    basis = max(_BASES, key=lambda name: counts[name])  # of equals the first, which is the most exact
    chosen = cell.filter(pc.equal(cell.column("time_basis"), basis))
    estimate, diagnosis = _diagnosed(chosen, basis, epoch_ms(observed_until), cap_ms)
    return TaskTypeEstimate(
        activity=task_type,
        task_type=task_type,
        estimate=estimate,
        diagnosis=replace(diagnosis, other_basis=cell.num_rows - chosen.num_rows),
        window_from=moment_at(pc.min(chosen.column("started_ms")).as_py()),
        window_to=moment_at(pc.max(chosen.column("completed_ms")).as_py()),
        method="self_report" if basis == "self_reported" else "holdout",
        complexity=complexity,
    )


def _diagnosed(
    states: pa.Table, basis: TimeBasis, observed_until_ms: int, cap_ms: int | None
) -> tuple[Estimate, Diagnosis]:
    assisted = ~equals(states, "assistance", "none")
    without_cluster = equals(states, "cluster", "")
    estimate, diagnosis = diagnose(_history(states, basis, assisted, without_cluster), observed_until_ms, cap_ms)
    return estimate, replace(
        diagnosis,
        drawn=True,
        assisted=int(np.count_nonzero(assisted)),
        without_cluster=int(np.count_nonzero(without_cluster)),
    )


def _history(states: pa.Table, basis: TimeBasis, assisted: Mask, without_cluster: Mask) -> History:
    review, review_known = integers(states, "review_ms")
    rework, rework_known = integers(states, "rework_ms")
    return History(
        completed_ms=integers(states, "completed_ms")[0],
        active_ms=integers(states, "active_ms")[0],
        review_ms=review,
        review_known=review_known | ~assisted,
        rework_ms=rework,
        rework_known=rework_known,
        clusters=_clusters(states, without_cluster),
        cluster_kind=_cluster_kind(states),
        time_basis=basis,
    )


def _clusters(states: pa.Table, without_cluster: Mask) -> Integers:
    """A number for each token of an authority; a task without one is a cluster of its own."""
    tokens = pc.binary_join_element_wise(states.column("authority"), states.column("cluster"), "/")
    codes = tokens.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    return np.where(without_cluster, -1 - np.arange(len(codes)), codes)


def _cluster_kind(states: pa.Table) -> ClusterKind:
    kinds: set[ClusterKind] = set(pc.unique(states.column("cluster_kind")).to_pylist()) - {""}
    return "mixed" if len(kinds) > 1 else next(iter(kinds), "task")
