"""Where it leads, stored with the figures that it was computed from, so that dashboards draw what reports say."""

from datetime import timedelta
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from contracts.events import moment_at
from services.domain.effect.refusal import Refusal
from services.reports.clickhouse import ReportStore
from services.reports.progress import Progress, progress
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_COLUMNS: Final = ("computed_at", "scenario", "until", "ms", "low_ms", "high_ms")


def publish_scenarios(client: Client, at_ms: int) -> int:
    """Stores the scenarios of the figures that are shown, as of a moment; how many points. Where none can be given it stores that,
    so that older ones are not shown any more. Raises `Retry` or `Halt`."""
    found = progress(ReportStore(client), moment_at(at_ms))
    rows = [] if isinstance(found, Refusal) else _rows(found)
    stored = rows or [["", moment_at(at_ms).date(), 0.0, None, None]]
    with translated():
        client.insert(
            "scenarios", [[moment_at(at_ms), *row] for row in stored], column_names=_COLUMNS, settings=INSERT_SETTINGS
        )
    return len(rows)


def _rows(found: Progress) -> list[list[Any]]:
    """A row a point. Each is of the end of a day, the one before its moment."""
    return [
        [
            name,
            (point.until - timedelta(microseconds=1)).date(),
            point.freed.ms,
            point.freed.low_ms,
            point.freed.high_ms,
        ]
        for name, points in found.scenarios.items()
        if not isinstance(points, Refusal)
        for point in points
    ]
