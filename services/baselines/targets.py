"""Targets, norms and choices that are made in advance: data with versions. A new version beside the old ones, never a change; figures
say which they rest on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from contracts.registry import GRADES
from services.baselines.claims import Claims, alone
from services.runtime.errors import Misconfigured

_NORM: Final = "norm_"
_PATIENCE_SECONDS: Final = 10.0
_NORM_UNIT: Final = "hours per full-time equivalent"


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """One version: a number with its unit, where it is from, who set it and when."""

    name: str
    version: int
    value: float
    unit: str
    source: str
    set_by: str
    set_at: datetime


class TargetStore(Claims, Protocol):
    """What setting needs of ClickHouse."""

    def targets(self) -> list[TargetVersion]:
        """Every version."""
        ...

    def add_target(self, version: TargetVersion) -> None:
        """Stores a version."""
        ...


def newest(versions: list[TargetVersion]) -> dict[str, TargetVersion]:
    """The version of each that is in force."""
    found: dict[str, TargetVersion] = {}
    for each in sorted(versions, key=lambda each: each.version):
        found[each.name] = each
    return found


def set_target(
    store: TargetStore, name: str, text: str, source: str, by: str, now: datetime
) -> tuple[TargetVersion, bool]:
    """The version that is in force then, and whether it is new: the same value from the same source changes nothing. Raises
    `Misconfigured`, `Halt` or `Retry`."""
    with alone(store, _PATIENCE_SECONDS):
        known = newest(store.targets())
        value, unit = _checked(name, text, known)
        before = known.get(name)
        if before is not None and (before.value, before.source) == (value, source):
            return before, False
        version = TargetVersion(name, before.version + 1 if before else 1, value, unit, source, by, now)
        store.add_target(version)
    return version, True


def _checked(name: str, text: str, known: Mapping[str, TargetVersion]) -> tuple[float, str]:
    if name not in known and not name.startswith(_NORM):
        names = ", ".join(sorted(known))
        raise Misconfigured("NAME", f"{name} is no target: give one of {names}, or a norm as {_NORM}NAME")
    check, unit = _CHECKS.get(name, (_norm, _NORM_UNIT))
    return check(text), known[name].unit if name in known else unit


def _norm(text: str) -> float:
    return _between(text, 1, 8_784, "hours of one full-time equivalent in a year")


def _hours(text: str) -> float:
    return _between(text, 1, 1e12, "hours")


def _year(text: str) -> float:
    year = _between(text, 2_000, 2_147, "a calendar year, at whose end the target is due")
    if not year.is_integer():
        raise Misconfigured("VALUE", f"{text} is no calendar year")
    return year


def _grade(text: str) -> float:
    grades: tuple[str, ...] = GRADES
    if text.upper() not in grades:
        raise Misconfigured("VALUE", f"{text} is no grade: give A, B, C or D")
    return float(grades.index(text.upper()) + 1)


def _estimator(text: str) -> float:
    if text != "1":
        raise Misconfigured(
            "VALUE", "1 is the one estimator there is: adjusted where a sufficient control exists, net elsewhere"
        )
    return 1.0


def _between(text: str, low: float, high: float, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise Misconfigured("VALUE", f"{text} is no number: give {what}") from None
    if not low <= value <= high:
        raise Misconfigured("VALUE", f"{text} is not between {low:,.0f} and {high:,.0f}: give {what}")
    return value


_CHECKS: Final[dict[str, tuple[Callable[[str], float], str]]] = {
    "hours_freed_2035": (_hours, "hours"),
    "deadline": (_year, "calendar year"),
    "minimum_grade": (_grade, "grade"),
    "estimator": (_estimator, "estimator"),
}
