"""Reports as JSON: times in milliseconds, an estimate that cannot be given as `{"refused": why}`."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from services.domain.effect.adjusted import CellResult
from services.domain.effect.refusal import Refusal
from services.reports.basis import About
from services.reports.clickhouse import OtherCap
from services.reports.effect import Effect, Estimates
from services.reports.waterfall import Steps, Waterfall

Found = TypeVar("Found")


def effect(found: Effect) -> dict[str, Any]:
    """The whole report."""
    return {
        **_common(found.about),
        **_estimates(found.estimates),
        "other_caps": _at_caps(found.other_caps, _estimates),
        "balance": plain(found.balance),
        "claims": plain(found.claims),
    }


def waterfall(found: Waterfall) -> dict[str, Any]:
    """The steps and what stands beside them."""
    return {
        **_common(found.about),
        **_steps(found.fixed),
        "other_caps": _at_caps(found.other_caps, _steps),
        "realised": plain(found.realised),
    }


def _estimates(of: Estimates) -> dict[str, Any]:
    saving = of.headline.saving
    return {
        "adjusted": plain(saving.adjusted),
        "adjusted_grade": plain(of.headline.adjusted_grade),
        "without_control": plain(saving.insufficient),
        "without_control_grade": plain(of.headline.net_grade),
        "cells": [_cell(cell) for cell in saving.cells],
        "excluded": plain(of.headline.excluded),
        "drift": plain(of.drift),
        "trials": plain(of.trials),
        "comparison": plain(of.comparison),
        "staggered": plain(of.staggered),
    }


def _steps(of: Steps) -> dict[str, Any]:
    return {
        "steps": [{**plain(step), "level": step.level} for step in of.steps],
        "adjusted_grade": plain(of.headline.adjusted_grade),
        "net_grade": plain(of.headline.net_grade),
        "excluded": plain(of.headline.excluded),
    }


def _at_caps(other_caps: dict[OtherCap, Found | Refusal], answer: Callable[[Found], dict[str, Any]]) -> dict[str, Any]:
    return {cap: plain(at) if isinstance(at, Refusal) else answer(at) for cap, at in other_caps.items()}


def _common(found: About) -> dict[str, Any]:
    return {
        "newest": found.newest.isoformat() if found.newest else None,
        "counts": plain(found.counts),
        "minimum_grade": {"grade": found.minimum, "version": found.minimum_version},
    }


def _cell(cell: CellResult) -> dict[str, Any]:
    named = {name: value for name, value in plain(cell).items() if name != "members"}
    return {**named, "verdict": cell.verdict, "drift_alarm": cell.drift.alarm if cell.drift else None}


def plain(value: object) -> Any:
    """A value of the domain as JSON has it: sets sorted, a refusal named as one."""
    match value:
        case Refusal():
            return {"refused": value.reason}
        case frozenset():
            return sorted(plain(one) for one in value)
        case tuple() | list():
            return [plain(one) for one in value]
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case _ if is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
        case _:
            return value
