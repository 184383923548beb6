"""The net hours of a group of authorities with their unadjusted interval, from ClickHouse's own sums."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from clickhouse_connect.driver.client import Client

from services.domain.effect.baseline_errors import BaselineError, BaselineUse
from services.domain.effect.drift import drift
from services.domain.effect.net import ClusterSums, NetInterval, net_interval
from services.runtime.clickhouse import translated

_SUMS: Final = """
SELECT authority, task_type, complexity, if(cluster = '', task, cluster) AS unit, sum(effort_ms) AS effort,
       sum(coalesce(credit_ms, 0)) AS credit
FROM task_measurements WHERE status = 'measured' AND authority IN {authorities:Array(String)}
GROUP BY authority, task_type, complexity, unit ORDER BY authority, task_type, complexity, unit
"""
_USES: Final = """
SELECT m.baseline AS name, m.baseline_version AS number, b.evidence_source, m.authority AS whose, count() AS uses,
       any(b.standard_error_ms), any(if(b.level = 'authority', 0, coalesce(b.between_authority_sd_ms, 0)))
FROM task_measurements AS m
INNER JOIN (SELECT * FROM baselines FINAL WHERE kind = 'published') AS b
    ON m.baseline = b.baseline AND m.baseline_version = b.baseline_version
WHERE m.status = 'measured' AND m.credit_ms IS NOT NULL AND m.authority IN {authorities:Array(String)}
GROUP BY name, number, b.evidence_source, whose ORDER BY name, number, whose
"""
_COUNTS: Final = """
SELECT count(), countIf(status = 'measured'), countIf(status = 'unmeasured'), countIf(status = 'incomplete'),
       countIf(capped = 1)
FROM task_measurements WHERE authority IN {authorities:Array(String)}
"""
_WITHOUT_AI: Final = """
SELECT sum(effort_ms), sum(assumeNotNull(credit_ms)) FROM measured_roles
WHERE role != 'treated' AND credit_ms IS NOT NULL AND authority IN {authorities:Array(String)}
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of a group. `drift` is of its control and comparison tasks."""

    tasks: int
    measured: int
    unmeasured: int
    incomplete: int
    capped: int
    net: NetInterval
    drift: float | None


def figure(client: Client, authorities: Sequence[str]) -> Figure:
    """The figure of these authorities, as ClickHouse has it now. Raises `Retry` or `Halt`."""
    sums = _rows(client, _SUMS, authorities)
    authority, task_type, complexity, unit, effort, credit = zip(*sums, strict=True) if sums else ((),) * 6
    uses = [
        BaselineUse(BaselineError(f"{name}/{number}", source, error, tau), whose, n)
        for name, number, source, whose, n, error, tau in _rows(client, _USES, authorities)
    ]
    clusters = ClusterSums(
        authority, task_type, complexity, unit, np.array(effort, dtype=np.int64), np.array(credit, dtype=np.int64)
    )
    net = net_interval(clusters, uses)
    ((tasks, measured, unmeasured, incomplete, capped),) = _rows(client, _COUNTS, authorities)
    ((without_effort, without_credit),) = _rows(client, _WITHOUT_AI, authorities)
    return Figure(tasks, measured, unmeasured, incomplete, capped, net, drift(without_effort, without_credit))


def _rows(client: Client, sql: str, authorities: Sequence[str]) -> list[tuple[Any, ...]]:
    with translated():
        return [tuple(row) for row in client.query(sql, parameters={"authorities": list(authorities)}).result_rows]
