"""The data sets of the demo, and what ClickHouse has of each: every record accounted for, and the hours freed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from contracts import topics
from services.cli.demo.case_systems import Message
from services.domain.effect.net import NetInterval
from services.domain.units import hours
from services.reports.clickhouse import ReportStore
from services.reports.figures import Figure, figure
from services.reports.group import Group
from services.runtime.clickhouse import translated

_DISPOSITIONS: Final = """
SELECT accepted, code, count() FROM dispositions WHERE topic IN {topics:Array(String)} GROUP BY accepted, code ORDER BY code
"""
_DUPLICATES: Final = "SELECT count() FROM duplicates WHERE topic IN {topics:Array(String)}"


@dataclass(slots=True)
class DataSet:
    """One group of authorities and what they send."""

    name: str
    authorities: list[str]
    messages: Iterator[Message]
    sent: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a data set. `received` = accepted + duplicates + rejected, or the demo has failed."""

    name: str
    sent: int
    accepted: int
    duplicates: int
    rejected: dict[str, int]
    figure: Figure
    seconds: float

    @property
    def received(self) -> int:
        """Records with a disposition."""
        return self.accepted + self.duplicates + sum(self.rejected.values())

    def as_json(self) -> dict[str, Any]:
        """The result as the last line of `--json` has it."""
        found = self.figure
        net = found.net
        return {
            "sent": self.sent,
            "received": self.received,
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "tasks": found.tasks,
            "measured": found.measured,
            "unmeasured": found.unmeasured,
            "incomplete": found.incomplete,
            "capped": found.capped,
            "net_ms": net.net_ms,
            "hours_freed": round(hours(net.net_ms), 4),
            "interval_95_hours": interval_hours(net),
            "covers_drift": net.covers_drift,
            "drift_without_ai": None if found.drift is None else round(found.drift, 4),
            "seconds": round(self.seconds, 2),
        }


def interval_hours(net: NetInterval) -> list[float] | None:
    """The interval in hours, `None` where there is none."""
    if net.low_ms is None or net.high_ms is None:
        return None
    return [round(hours(net.low_ms), 4), round(hours(net.high_ms), 4)]


def result(client: Client, data_set: DataSet) -> Result:
    """What ClickHouse has of a data set now."""
    names = {"topics": [topics.tasks_topic(authority) for authority in data_set.authorities]}
    with translated():
        rows = client.query(_DISPOSITIONS, parameters=names).result_rows
        ((duplicates,),) = client.query(_DUPLICATES, parameters=names).result_rows
    stored = sum(count for accepted, _, count in rows if accepted)
    return Result(
        name=data_set.name,
        sent=data_set.sent,
        accepted=stored - duplicates,
        duplicates=duplicates,
        rejected={code: count for accepted, code, count in rows if not accepted},
        figure=figure(ReportStore(client), Group(authorities=tuple(data_set.authorities))),
        seconds=data_set.ended - data_set.began,
    )
