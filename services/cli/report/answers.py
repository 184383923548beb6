"""Reports as JSON: times in milliseconds, an estimate that cannot be given as `{"refused": why}`."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any, TypeVar

from services.domain.effect.adjusted import CellResult
from services.domain.effect.refusal import Refusal
from services.domain.figures.shapes import Figure
from services.domain.forecast.months import beginning_of
from services.reports.basis import About
from services.reports.clickhouse import OtherCap
from services.reports.effect import Effect, Estimates
from services.reports.progress import Progress
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


def progress(found: Progress | Refusal) -> dict[str, Any]:
    """The number to the target; months as their first days, the amounts of each beside its steps."""
    if isinstance(found, Refusal):
        return {"refused": found.reason}
    rate = found.rate
    return {
        "target": plain(found.target),
        "published_at": found.published_at.isoformat(),
        "so_far": _figure(found.total),
        "share_of_target": found.share,
        "run_rate": {"refused": rate.reason}
        if isinstance(rate, Refusal)
        else {
            "from": plain(beginning_of(rate.window.first)),
            "months": rate.window.months,
            "annualised": rate.window.annualised,
            "figure": _figure(rate.figure),
            "a_year": {name: plain(getattr(rate, name)) for name in ("adjusted", "without_control", "freed")},
            "share_of_target": found.rate_share,
        },
        "pace": plain(found.pace),
        "scenarios": plain(found.scenarios),
        "errors_of_past_forecasts": plain(found.errors),
        "months": [_figure(figure) for figure in found.months],
        "until": [_figure(figure) for figure in found.until],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    period = figure.period
    whole = period.kind == "total"
    return {
        "from": None if whole or period.kind == "until" else plain(beginning_of(period.first)),
        "before": None if whole else plain(beginning_of(period.end)),
        "counts": plain(figure.counts),
        "freed": plain(figure.freed),
        "adjusted": plain(figure.amount("adjusted")),
        "without_control": plain(figure.amount("without_control")),
        "steps": plain(figure.steps),
        "adjusted_grade": figure.adjusted_grade,
        "net_grade": figure.net_grade,
        "drift": plain(figure.drift),
        "excluded_net_ms": figure.excluded_net_ms,
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
        case frozenset() | tuple() | list():
            said = [plain(one) for one in value]
            return sorted(said) if isinstance(value, frozenset) else said
        case Mapping():
            return {str(key): plain(one) for key, one in value.items()}
        case datetime():
            return value.isoformat()
        case _ if is_dataclass(value):
            return {part.name: plain(getattr(value, part.name)) for part in fields(value)}
        case _:
            return value
