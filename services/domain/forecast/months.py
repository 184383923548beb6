"""Calendar months in UTC, as whole months since January 1970, and which of them are mature."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

PROVISIONAL: Final = timedelta(days=90)
"""A task that was completed less than this ago may still cause rework."""


def month_of(moment: datetime) -> int:
    """The month that a moment is in."""
    return month_of_day(moment.astimezone(UTC).date())


def month_of_day(day: date) -> int:
    """The month that a day is in."""
    return 12 * (day.year - 1970) + day.month - 1


def beginning_of(month: int) -> datetime:
    """Its first moment."""
    return datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def mature_before(now: datetime) -> int:
    """The first month that is not mature yet: every task of the months before it is older than 90 days."""
    return month_of(now - PROVISIONAL)
