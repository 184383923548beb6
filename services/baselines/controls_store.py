"""The edge to ClickHouse of estimates from control tasks. Reads a view that an auditor may read, and nothing else."""

from dataclasses import dataclass
from typing import Final

from clickhouse_connect.driver.client import Client

from contracts.events import moment_at
from services.baselines.controls import Controls
from services.baselines.in_scope.place import Place
from services.runtime.clickhouse import translated

_STATES: Final = """
SELECT authority, task, revision, log_no, partition, offset, toUnixTimestamp64Milli(started_at) AS started_ms,
       toUnixTimestamp64Milli(completed_at) AS completed_ms, task_type, complexity, time_basis, assistance, origin, outcome,
       cluster, cluster_kind, active_ms, review_ms, rework_ms
FROM task_measurements
WHERE arm = 'control' AND ({everybody:Bool} OR has({authorities:Array(String)}, authority))
      AND ({task_type:String} = '' OR task_type = {task_type:String})
      AND ({complexity:String} = 'any' OR complexity = {complexity:String})
      AND completed_ms >= {begin:Int64} AND completed_ms < {end:Int64}
ORDER BY authority, task
"""
_OBSERVED: Final = """
SELECT count(), toUnixTimestamp64Milli(max(broker_time)) FROM task_measurements
WHERE ({everybody:Bool} OR has({authorities:Array(String)}, authority))
"""


@dataclass(frozen=True, slots=True)
class ControlStore:
    """What ClickHouse holds of control tasks. Raises `Retry` or `Halt`."""

    client: Client

    def controls(self, place: Place) -> Controls | None:
        """The place's control tasks; `None` where no task of its authorities was received at all."""
        parameters = place.parameters()
        with translated():
            ((tasks, until_ms),) = self.client.query(_OBSERVED, parameters=parameters).result_rows
            if not tasks:
                return None
            states = self.client.query_arrow(_STATES, parameters=parameters, use_strings=True)
        return Controls(place.whose, states, moment_at(until_ms))
