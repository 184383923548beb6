"""A report at half and at double the cap by hand: two arms of elapsed time, and one baseline."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from itertools import chain
from math import sqrt
from typing import Any

import pytest
from rich.console import Console
from scipy import stats

from services.baselines.clickhouse import MeasurementStore, RegistryStore
from services.cli.report import answers, effect_screen, waterfall_screen
from services.domain.effect.headline import Headline
from services.reports.clickhouse import ReportStore
from services.reports.effect import Effect, Estimates, effect
from services.reports.group import Group
from services.reports.waterfall import Steps, Waterfall, waterfall_of
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database
from tests.properties.domain.strategies import AUTHORITIES, baseline, day, event, task
from tests.properties.restating import collected, payload_of
from tests.properties.test_restatement import snapshot_at

MINUTE = 60_000
T = stats.t.ppf(0.975, 39)
NOW = datetime(2026, 12, 1, tzinfo=UTC)


def arm(name: str, minutes: tuple[int, int]) -> list[Any]:
    """200 tasks in 40 clusters of five, that take the one time and the other in turn."""
    lot = {"arm": name, "assigned_at": day(0), "assignment": "random"}
    return [
        task(
            task=f"{name}-{number}",
            active_ms=minutes[number % 2] * MINUTE,
            time_basis="elapsed",
            cluster=f"{name}-{number // 5}",
            cluster_kind="case",
            completed_at=day(6),
            **lot,
        )
        for number in range(200)
    ]


@pytest.fixture(scope="module")
def store(database_settings: ClickHouseSettings) -> ReportStore:
    """Control 6 and 40 minutes, treated 4 and 7. The baseline: 11 minutes, SE 1, with a cap of 15; at 7.5 it is 7, SE 0.5; at
    30 it is 20, SE 2."""
    client = Database(database_settings.model_copy(update={"database": "report_at_caps"})).client
    figures = {"mean": 11, "standard_error": 1}
    other = {"mean_half_cap": 7, "standard_error_half_cap": 0.5, "mean_double_cap": 20, "standard_error_double_cap": 2}
    numbers = {f"{name}_ms": round(minutes * MINUTE) for name, minutes in {**figures, **other}.items()}
    published = event(baseline(1, level="authority", authority=AUTHORITIES[0], cap_ms=15 * MINUTE, **numbers))
    RegistryStore(client).insert([(published, payload_of(published))])
    tasks = chain(arm("control", (6, 40)), arm("treatment", (4, 7)))
    MeasurementStore(client).write(collected(enumerate(tasks), snapshot_at([published], 1)))
    return ReportStore(client)


@pytest.fixture(scope="module")
def found(store: ReportStore) -> Effect:
    return effect(store, Group(), NOW)


@pytest.fixture(scope="module")
def steps(store: ReportStore) -> Waterfall:
    return waterfall_of(store, Group(), NOW)


def headline(found: Effect, cap: str) -> Headline:
    at = found.estimates if cap == "fixed" else found.other_caps[cap]  # type: ignore[index]
    assert isinstance(at, Estimates)
    return at.headline


@pytest.mark.parametrize(("cap", "control"), [("half", (6, 7.5)), ("fixed", (6, 15)), ("double", (6, 30))])
def test_the_adjusted_saving_at_each_cap(found: Effect, cap: str, control: tuple[float, float]) -> None:
    """The mean of the control less 5.5, for 200 tasks: 250, 1,000 and 2,500 minutes. The baseline cancels. In a cluster of
    five, one of the two times stands once more: its sum is off by half their difference."""
    saving = headline(found, cap).saving.adjusted
    assert saving is not None
    off = [(high - low) / 2 for low, high in (control, (4, 7))]
    half = T * sqrt(sum(40 / 39 * 40 * one**2 for one in off))
    minutes = 200 * (sum(control) / 2 - 5.5)
    assert saving.saving_ms == pytest.approx(minutes * MINUTE)
    assert [saving.low_ms, saving.high_ms] == pytest.approx([(minutes - half) * MINUTE, (minutes + half) * MINUTE])


@pytest.mark.parametrize(("cap", "mean", "error"), [("half", 7, 0.5), ("double", 20, 2)])
def test_the_net_rests_on_the_baseline_at_that_cap(steps: Waterfall, cap: str, mean: int, error: float) -> None:
    """Mean less 5.5, for 200 tasks. Var = (200·SE)² + 40/39·40·1.5²."""
    at = steps.other_caps[cap]  # type: ignore[index]
    assert isinstance(at, Steps)
    (net,) = (step for step in at.steps if step.name == "net")
    half = T * sqrt((200 * error) ** 2 + 40 / 39 * 40 * 1.5**2)
    minutes = 200 * (mean - 5.5)
    assert net.ms == minutes * MINUTE
    assert [net.low_ms, net.high_ms] == pytest.approx([(minutes - half) * MINUTE, (minutes + half) * MINUTE])


def said(show: Callable[[Console], None]) -> list[str]:
    shown = StringIO()
    show(Console(file=shown, width=80))
    return [line for line in shown.getvalue().splitlines() if line.startswith("At ")]


def test_the_report_says_it_in_a_line_each(found: Effect, steps: Waterfall) -> None:
    assert said(lambda console: effect_screen.effect(console, found)) == [
        "At half the idle cap: adjusted 4.2 (3.8 … 4.5).",
        "At double the idle cap: adjusted 41.7 (39.1 … 44.3).",
    ]
    assert said(lambda console: waterfall_screen.waterfall(console, steps)) == [
        "At half the idle cap: net 5.0 (1.6 … 8.4); adjusted 4.2 (3.8 … 4.5).",
        "At double the idle cap: net 48.3 (34.8 … 61.8); adjusted 41.7 (39.1 … 44.3).",
    ]
    answer = answers.effect(found)["other_caps"]["double"]
    assert (answer["adjusted_grade"]["grade"], answer["without_control"]["net_ms"]) == ("B", 0)
    assert answer["adjusted"]["saving_ms"] == pytest.approx(2_500 * MINUTE)
