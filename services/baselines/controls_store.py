"""The edge to ClickHouse of estimates from control tasks. Reads a view that an auditor may read, and nothing else."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from clickhouse_connect.driver.client import Client

from contracts.events import epoch_ms
from services.baselines.controls import Controls
from services.runtime.clickhouse import translated

_STATES: Final = """
SELECT task, revision, log_no, partition, offset, toUnixTimestamp64Milli(started_at) AS started_ms,
       toUnixTimestamp64Milli(completed_at) AS completed_ms, task_type, complexity, time_basis, assistance, origin, outcome,
       cluster, cluster_kind, active_ms, review_ms, rework_ms
FROM task_measurements
WHERE arm = 'control' AND authority = {authority:String}
      AND completed_ms >= {since:Int64} AND completed_ms < {before:Int64}
ORDER BY task
"""
_OBSERVED: Final = """
SELECT count(), toUnixTimestamp64Milli(max(broker_time)) FROM task_measurements WHERE authority = {authority:String}
"""
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ControlStore:
    """What ClickHouse holds of control tasks. Raises `Retry` or `Halt`."""

    client: Client

    def controls(
        self, authority: str, since: datetime | None = None, before: datetime | None = None
    ) -> Controls | None:
        """The authority's control tasks completed in [since, before); `None` where there are no tasks of it at all."""
        window = {"since": epoch_ms(since or _FIRST), "before": epoch_ms(before or _LAST)}
        with translated():
            ((tasks, until_ms),) = self.client.query(_OBSERVED, parameters={"authority": authority}).result_rows
            if not tasks:
                return None
            states = self.client.query_arrow(_STATES, parameters={"authority": authority, **window}, use_strings=True)
        return Controls(authority, states, datetime.fromtimestamp(until_ms / 1000, UTC))
