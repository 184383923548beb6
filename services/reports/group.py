"""The group of tasks that a report is of."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.events import epoch_ms

FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks completed in [since, before) of some authorities (`None`: all), and where these are not empty, of one task type,
    complexity, programme and study."""

    authorities: tuple[str, ...] | None = None
    task_type: str = ""
    complexity: str = ""
    programme: str = ""
    study: str = ""
    since: datetime = FIRST
    before: datetime = LAST

    def parameters(self) -> dict[str, object]:
        """As parameters of a query, moments in milliseconds since 1970 UTC."""
        return {
            "everybody": self.authorities is None,
            "authorities": list(self.authorities or ()),
            "task_type": self.task_type,
            "complexity": self.complexity,
            "programme": self.programme,
            "study": self.study,
            "since": epoch_ms(self.since),
            "before": epoch_ms(self.before),
        }
