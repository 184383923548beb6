"""An amount of time and how sure it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time with the ends of its 95 % interval, milliseconds; these are `None` where nothing shows its spread."""

    ms: float
    low_ms: float | None
    high_ms: float | None

    def times(self, factor: float) -> "Estimate":
        """All of it, so many times (at least 0)."""
        low, high = (None if end is None else end * factor for end in (self.low_ms, self.high_ms))
        return Estimate(self.ms * factor, low, high)

    def negated(self) -> "Estimate":
        """Taken off."""
        return Estimate(
            -self.ms, None if self.high_ms is None else -self.high_ms, None if self.low_ms is None else -self.low_ms
        )

    def plus(self, other: "Estimate") -> "Estimate":
        """The sum under one common draw: what moves the one moves the other as far as it goes. No narrower sum is honest
        where both rest on the same effect."""
        if self.low_ms is None or self.high_ms is None or other.low_ms is None or other.high_ms is None:
            return Estimate(self.ms + other.ms, None, None)
        return Estimate(self.ms + other.ms, self.low_ms + other.low_ms, self.high_ms + other.high_ms)
