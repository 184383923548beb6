"""The clock, for the composition roots: below them the time is passed in."""

from datetime import UTC, datetime

from contracts.events import epoch_ms


def now_ms() -> int:
    """Epoch milliseconds by this machine's clock."""
    return epoch_ms(datetime.now(UTC))
