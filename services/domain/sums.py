"""From a table of sums by cluster to what the estimators take. Pure.

Columns: authority, task_type, complexity, role, unit (the cluster), baseline_name; n, n_credit; effort, credit, active, review,
rework, abandoned, escalated, induced in milliseconds.
"""

import pyarrow as pa

from services.domain.arrays import Integers
from services.domain.effect.arms import ArmSums
from services.domain.effect.waterfall import StepSums
from services.domain.tables import coded, integers


def arm_sums(sums: pa.Table) -> ArmSums:
    """Of treated and control tasks."""
    return ArmSums(
        authority=coded(sums, "authority"),
        task_type=coded(sums, "task_type"),
        complexity=coded(sums, "complexity"),
        role=coded(sums, "role"),
        cluster=coded(sums, "unit"),
        baseline=coded(sums, "baseline_name"),
        n=_sum(sums, "n"),
        n_credit=_sum(sums, "n_credit"),
        effort_ms=_sum(sums, "effort"),
        credit_ms=_sum(sums, "credit"),
    )


def step_sums(treated: pa.Table) -> StepSums:
    """Of rows that are all of treated tasks."""
    return StepSums(
        authority=coded(treated, "authority"),
        task_type=coded(treated, "task_type"),
        complexity=coded(treated, "complexity"),
        cluster=coded(treated, "unit"),
        baseline=coded(treated, "baseline_name"),
        n_credit=_sum(treated, "n_credit"),
        credit_ms=_sum(treated, "credit"),
        active_ms=_sum(treated, "active"),
        review_ms=_sum(treated, "review"),
        rework_ms=_sum(treated, "rework"),
        abandoned_ms=_sum(treated, "abandoned"),
        escalated_ms=_sum(treated, "escalated"),
        induced_ms=_sum(treated, "induced"),
    )


def _sum(table: pa.Table, name: str) -> Integers:
    return integers(table, name)[0]
