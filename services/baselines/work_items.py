"""A piece of work as a log of the past has it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of work: its case, its activity, and when it was begun and finished (aware UTC, whole milliseconds).

    `place` says where in the file it begins: unique in the file, and the same whatever else is read of it.
    """

    case: str
    activity: str
    started_at: datetime
    completed_at: datetime
    place: str

    @property
    def duration_ms(self) -> int:
        """Elapsed time in milliseconds."""
        return (self.completed_at - self.started_at) // _MILLISECOND


@dataclass(slots=True)
class ReadingCounts:
    """What a log held besides whole pieces of work: counted, never dropped in silence.

    A start that another start of the same work item follows has no completion.
    """

    items: int = 0
    starts_without_completion: int = 0
    completions_without_start: int = 0
    completed_before_started: int = 0

    @property
    def left_out(self) -> int:
        """Starts and completions that make no piece of work; a pair in the wrong order is two of them."""
        return self.starts_without_completion + self.completions_without_start + 2 * self.completed_before_started


def moment_of(text: str, place: str) -> datetime:
    """A timestamp of a log as aware UTC, floored to the millisecond.

    Raises `ValueError` that names the place: a timestamp without offset could be an hour or two off, so it is no answer.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{place}: not a timestamp (ISO 8601 with offset)") from error
    if moment.tzinfo is None:
        raise ValueError(f"{place}: a timestamp without offset")
    try:
        utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{place}: a timestamp beyond the calendar") from error
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
