"""The clock, for the composition roots: below them the time is passed in."""

from datetime import UTC, datetime


def now_ms() -> int:
    """Epoch milliseconds by this machine's clock."""
    return int(datetime.now(UTC).timestamp() * 1000)
