"""Reports as JSON: times in milliseconds, an estimate that cannot be given as `{"refused": why}`."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from services.domain.effect.adjusted import CellResult
from services.domain.effect.refusal import Refusal
from services.reports.effect import Effect


def effect(found: Effect) -> dict[str, Any]:
    """The whole report."""
    saving = found.headline.saving
    return {
        **_common(found),
        "adjusted": plain(saving.adjusted),
        "adjusted_grade": plain(found.headline.adjusted_grade),
        "without_control": plain(saving.insufficient),
        "without_control_grade": plain(found.headline.net_grade),
        "cells": [_cell(cell) for cell in saving.cells],
        "drift": plain(found.drift),
        "balance": plain(found.balance),
        "trials": plain(found.trials),
        "comparison": plain(found.comparison),
        "staggered": plain(found.staggered),
        "claims": plain(found.claims),
    }


def waterfall(found: Effect) -> dict[str, Any]:
    """The steps and what stands beside them."""
    return {
        **_common(found),
        "steps": [{**plain(step), "level": step.level} for step in found.steps],
        "adjusted_grade": plain(found.headline.adjusted_grade),
        "net_grade": plain(found.headline.net_grade),
        "realised": plain(found.realised),
    }


def _common(found: Effect) -> dict[str, Any]:
    return {
        "newest": found.newest.isoformat() if found.newest else None,
        "counts": plain(found.counts),
        "minimum_grade": {"grade": found.minimum, "version": found.minimum_version},
        "excluded": plain(found.headline.excluded),
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
