"""Points in time as people write them on the command line."""

from datetime import UTC, datetime
from typing import overload

from services.runtime.errors import Misconfigured


@overload
def utc(moment: datetime) -> datetime: ...
@overload
def utc(moment: None) -> None: ...
def utc(moment: datetime | None) -> datetime | None:
    """The moment as aware UTC; one that is written without offset is meant as UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def instant(text: str) -> datetime:
    """What is written as 2026-03-01 (its first moment), 2026-03-01T12:30:00Z or with another offset; without one: UTC. Raises
    `Misconfigured`."""
    try:
        return utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise Misconfigured(text, "not a moment: 2026-03-01, or 2026-03-01T12:30:00Z") from None
