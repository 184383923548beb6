"""A state of the model as a row of `task_measurements`."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.reference.model import State

_COORDINATE = ("log_no", "partition", "offset")
_FIGURES = ("status", "counted_active_ms", "capped", "effort_ms", "credit_ms", "saved_ms")
_BASELINE = ("baseline", "baseline_version", "baseline_level", "grade")


def row_of(state: State) -> tuple[tuple[str, str], dict[str, Any]]:
    """Authority and task, and every other column but those of the judging: rules, generation and broker time."""
    figures, baseline = state.figures, state.figures.baseline
    fields = {
        **state._asdict(),
        **state.traits._asdict(),
        **dict(zip(_COORDINATE, (state.coordinate[0], *state.coordinate[2:]), strict=True)),
        **{name: getattr(figures, name) for name in _FIGURES},
        **dict.fromkeys(_BASELINE, ""),
        "baseline_version": 0,
        "day": date(1970, 1, 1) + timedelta(days=state.day),
        "started_at": _moment(state.started_ms),
        "completed_at": _moment(state.completed_ms),
    }
    if baseline is not None:
        told = (baseline.baseline, baseline.version, baseline.level, baseline.grade)
        fields |= dict(zip(_BASELINE, told, strict=True))
    for name in ("authority", "task", "coordinate", "traits", "figures", "started_ms", "completed_ms"):
        del fields[name]
    return (state.authority, state.task), fields


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
