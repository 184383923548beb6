"""Units that people read. Stored figures stay integer milliseconds."""

from typing import Final

MS_PER_HOUR: Final = 3_600_000


def hours(ms: float) -> float:
    """Milliseconds as hours."""
    return ms / MS_PER_HOUR


def full_time_equivalents(ms: float, norm_hours: float) -> float:
    """Milliseconds of work as full-time equivalents (årsværk) of a norm, which is always stated beside them."""
    return hours(ms) / norm_hours
