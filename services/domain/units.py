"""Units that people read. Stored figures stay integer milliseconds."""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

MS_PER_HOUR: Final = 3_600_000
_HOURS = re.compile(r"^-?[0-9]{1,3}(?:,[0-9]{3})*(?:\.[0-9]+)? h$|^-?[0-9]+(?:\.[0-9]+)? h$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Norm:
    """Working hours of one full-time equivalent (årsværk) in a year, and where the number is from."""

    name: str
    hours: Fraction
    source: str


GOAL_NORM: Final = Norm("goal", Fraction(50_000_000, 30_000), "implied by the goal: 50 million hours, 30,000 årsværk")
GRANT_NORM: Final = Norm("bevillingsårsværk", Fraction(1_924), "37 hours a week, 52 weeks")


def hours(ms: float) -> float:
    """Milliseconds as hours."""
    return ms / MS_PER_HOUR


def hours_text(ms: int, decimals: int = 2) -> str:
    """Milliseconds as text such as `-1,234.50 h`, rounded half to even from the exact value."""
    exact = round(Fraction(ms, MS_PER_HOUR), decimals)
    return f"{Decimal(exact.numerator) / Decimal(exact.denominator):,.{decimals}f} h"


def ms_of_hours_text(text: str) -> int:
    """The milliseconds of a text that `hours_text` writes, rounded half to even. Raises `ValueError`."""
    if not _HOURS.fullmatch(text):
        raise ValueError(f"{text!r} is not hours, such as 1,234.50 h")
    return round(Fraction(text.removesuffix(" h").replace(",", "")) * MS_PER_HOUR)


def full_time_equivalents(ms: float, norm: Norm) -> float:
    """Milliseconds of work as full-time equivalents (årsværk); the norm is always stated beside them."""
    return hours(ms) / float(norm.hours)
