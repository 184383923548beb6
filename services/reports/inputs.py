"""From what ClickHouse gives to what the estimators take. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.tasks import TimeBasis
from services.domain.arrays import Integers
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.grades import Assigned
from services.domain.effect.group_times import Panel
from services.domain.effect.headline import Member, MemberEvidence
from services.domain.effect.mix import TaskMix
from services.domain.effect.trial import Nullable, TrialTasks
from services.domain.tables import equals, integers


def member_evidence(rows: Iterable[Sequence[Any]]) -> dict[Member, MemberEvidence]:
    """From `ReportStore.evidence`."""
    return {
        (authority, task_type, complexity): MemberEvidence(
            frozenset(assignments), frozenset(time_bases), frozenset(baselines)
        )
        for authority, task_type, complexity, assignments, time_bases, baselines in rows
    }


def baseline_errors(rows: Iterable[Sequence[Any]]) -> list[BaselineError]:
    """From `ReportStore.baselines`."""
    return [BaselineError(str(name), str(source), int(error), int(tau)) for name, source, error, tau, _ in rows]


def task_mix(tasks: pa.Table) -> TaskMix:
    """From `ReportStore.drawn` or `not_drawn`, within authorities."""
    clusters = pc.binary_join_element_wise(tasks.column("authority"), tasks.column("unit"), " ")
    return TaskMix(
        treated=equals(tasks, "role", "treated"),
        n=_ms(tasks, "n"),
        task_type=tasks.column("task_type").to_pylist(),
        complexity=tasks.column("complexity").to_pylist(),
        work=tasks.column("work").to_pylist(),
        audience=tasks.column("audience").to_pylist(),
        stratum=tasks.column("authority").to_pylist(),
        cluster=clusters.to_pylist(),
    )


def panel(months: pa.Table) -> Panel:
    """From `ReportStore.months`. An authority has introduced AI in the first month in which a task was done with it."""
    introduced: dict[str, int | None] = {}
    rows = zip(*(months.column(name).to_pylist() for name in ("authority", "month", "assisted")), strict=True)
    for authority, month, assisted in sorted(rows):
        if introduced.get(authority) is None:
            introduced[authority] = month if assisted else None
    return Panel(
        authority=months.column("authority").to_pylist(),
        month=_ms(months, "month"),
        effort_ms=_ms(months, "effort"),
        credit_ms=_ms(months, "credit"),
        introduced=introduced,
    )


def trial_tasks(tasks: pa.Table) -> TrialTasks:
    """From `ReportStore.trial`."""
    return TrialTasks(
        treated=equals(tasks, "arm", "treatment"),
        completed=equals(tasks, "outcome", "completed"),
        active_ms=_ms(tasks, "counted_active_ms"),
        review=Nullable(*integers(tasks, "review_ms")),
        rework=Nullable(*integers(tasks, "rework_ms")),
        predicted_without=Nullable(*integers(tasks, "predicted_without_ai_ms")),
        predicted_with=Nullable(*integers(tasks, "predicted_with_ai_ms")),
        stratum=tasks.column("stratum").to_pylist(),
        cluster=tasks.column("unit").to_pylist(),
        time_bases=frozenset(pc.unique(tasks.column("time_basis")).to_pylist()),
    )


def time_bases(table: pa.Table) -> frozenset[TimeBasis]:
    """Those that occur."""
    return frozenset(pc.unique(pc.list_flatten(table.column("time_bases"))).to_pylist())


def assignments(table: pa.Table) -> frozenset[Assigned]:
    """Those that occur."""
    return frozenset(pc.unique(pc.list_flatten(table.column("assignments"))).to_pylist())


def _ms(table: pa.Table, name: str) -> Integers:
    return integers(table, name)[0]
