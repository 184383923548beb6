"""A piece of work as a log of the past has it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One piece of work: its case, its activity, and when it was begun and finished (aware UTC)."""

    case: str
    activity: str
    started_at: datetime
    completed_at: datetime

    @property
    def duration_ms(self) -> int:
        """Elapsed time in milliseconds."""
        return round((self.completed_at - self.started_at).total_seconds() * 1000)


@dataclass(slots=True)
class ReadingCounts:
    """What a log held besides whole pieces of work: counted, never dropped in silence."""

    items: int = 0
    starts_without_completion: int = 0
    completions_without_start: int = 0
    completed_before_started: int = 0
