"""A piece of work as a log of the past has it, and what a log's columns are called."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of work: its case, its activity, and when it was begun and finished (aware UTC, whole milliseconds).

    `place` says where in the file it begins: unique in the file, and the same whatever else is read of it. Review and
    rework come on top of the duration, in milliseconds; `None` where they are unknown.
    """

    case: str
    activity: str
    started_at: datetime
    completed_at: datetime
    place: str
    review_ms: int | None = None
    rework_ms: int | None = None

    @property
    def duration_ms(self) -> int:
        """Elapsed time in milliseconds."""
        return (self.completed_at - self.started_at) // _MILLISECOND


@dataclass(slots=True)
class ReadingCounts:
    """What a log held besides whole pieces of work: counted, never dropped in silence.

    A start that another start of the same work item follows has no completion. `inside_other_work`: events of a piece of
    work that is a part of another one, whose time has it already. `outside_cases`: events that belong to no case.
    """

    items: int = 0
    starts_without_completion: int = 0
    completions_without_start: int = 0
    completed_before_started: int = 0
    inside_other_work: int = 0
    outside_cases: int = 0

    @property
    def left_out(self) -> int:
        """Starts and completions that make no piece of work; a pair in the wrong order is two of them."""
        return self.starts_without_completion + self.completions_without_start + 2 * self.completed_before_started


@dataclass(frozen=True, slots=True)
class LogColumns:
    """Names of the columns of a table of work. Either `started`, or `duration` before `completed`; `review` and `rework` where
    there are any. Durations, review and rework are numbers of `unit_ms` (60,000: minutes)."""

    case: str = "case"
    activity: str = "activity"
    started: str = "started_at"
    completed: str = "completed_at"
    duration: str = ""
    review: str = ""
    rework: str = ""
    unit_ms: int = 60_000

    @property
    def needed(self) -> list[str]:
        """The columns that are read."""
        begin = self.duration or self.started
        return [self.case, self.activity, begin, self.completed, *filter(None, (self.review, self.rework))]

    def missing(self, present: list[str]) -> str:
        """What to say of needed columns that are not present; empty: all are."""
        absent = sorted(set(self.needed) - set(present))
        if not absent:
            return ""
        hint = (
            ": the columns seem to be separated by semicolons, not commas"
            if len(present) == 1 and ";" in present[0]
            else ""
        )
        return f"has no column {', '.join(absent)}; it has {', '.join(present) or 'none'}{hint}"


@dataclass(frozen=True, slots=True)
class WorkTable:
    """A table of work: what its columns are called, how its timestamps are read (a value, and its place for the error), and
    what is counted while it is read."""

    columns: LogColumns
    moment: Callable[[Any, str], datetime]
    counts: ReadingCounts

    def item(self, row: Mapping[str, Any], place: str, at: str) -> WorkItem | None:
        """The piece of work of a row, which has all needed columns; `None` where it was completed before it started. `place`:
        where it is, for errors; `at`: where it begins in the file. Raises `ValueError` naming the column at fault."""
        columns = self.columns
        completed = self.moment(row[columns.completed], f"{place}, column {columns.completed}")
        if columns.duration:
            where = f"{place}, column {columns.duration}"
            started = _before(completed, milliseconds_of(row[columns.duration], columns.unit_ms, where), where)
        else:
            started = self.moment(row[columns.started], f"{place}, column {columns.started}")
        if completed < started:
            self.counts.completed_before_started += 1
            return None
        review, rework = (self._part(row, name, place) for name in (columns.review, columns.rework))
        self.counts.items += 1
        return WorkItem(str(row[columns.case]), str(row[columns.activity]), started, completed, at, review, rework)

    def _part(self, row: Mapping[str, Any], name: str, place: str) -> int | None:
        if not name or row[name] is None or not str(row[name]).strip():
            return None
        return milliseconds_of(row[name], self.columns.unit_ms, f"{place}, column {name}")


def moment_of(text: str, place: str) -> datetime:
    """A timestamp of a log as aware UTC, floored to the millisecond.

    Raises `ValueError` that names the place: a timestamp without offset could be an hour or two off, so it is no answer.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{place}: not a timestamp (ISO 8601 with offset)") from error
    if moment.tzinfo is None:
        raise ValueError(f"{place}: a timestamp without offset: write +01:00 or Z behind it")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{place}: a timestamp beyond the calendar") from error
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def milliseconds_of(value: str | float, unit_ms: int, place: str) -> int:
    """A duration of a table in whole milliseconds, rounded half to even. Raises `ValueError` that names the place where it is
    no number, negative, or longer than time."""
    try:
        exact = float(value) * unit_ms
        found = round(exact)
        timedelta(milliseconds=found)
    except ValueError as error:
        raise ValueError(f"{place}: not a number (decimals stand behind a point)") from error
    except OverflowError as error:
        raise ValueError(f"{place}: longer than time") from error
    if exact < 0:
        raise ValueError(f"{place}: a negative duration: correct it, or take the row out")
    return found


def _before(completed: datetime, duration_ms: int, place: str) -> datetime:
    try:
        return completed - timedelta(milliseconds=duration_ms)
    except OverflowError as error:
        raise ValueError(f"{place}: longer than time") from error
