"""Calendar months in UTC, as whole months since January 1970, and which of them are mature."""

from datetime import UTC, datetime, timedelta
from typing import Final

PROVISIONAL: Final = timedelta(days=90)
"""A task that was completed less than this ago may still cause rework."""


def month_of(moment: datetime) -> int:
    """The month that a moment is in."""
    at = moment.astimezone(UTC)
    return 12 * (at.year - 1970) + at.month - 1


def beginning_of(month: int) -> datetime:
    """Its first moment."""
    return datetime(1970 + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def mature_before(now: datetime) -> int:
    """The first month that is not mature yet: every task of the months before it is older than 90 days."""
    return month_of(now - PROVISIONAL)
