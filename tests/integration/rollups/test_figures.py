"""Figures on the real engine: each says what the report of the same tasks says, which reads measurements and no rollup."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

import pytest

from services.domain.effect.refusal import Refusal
from services.domain.figures.content import COLUMNS, key_of
from services.domain.figures.shapes import Period, Scope
from services.domain.forecast.months import beginning_of, month_of
from services.domain.forecast.scenarios import Point
from services.progress.figures.clickhouse import FigureStore
from services.progress.figures.publishing import Figures
from services.progress.figures.scenarios import publish_scenarios
from services.reports.clickhouse import ReportStore
from services.reports.group import FIRST, LAST, Group
from services.reports.progress import Progress, Rate, progress
from services.reports.waterfall import Waterfall, waterfall_of
from tests.integration.delivering import Database, snapshot_of
from tests.integration.rollups.publishing import AUTHORITIES, REGISTRY, publish, writer
from tests.integration.test_metamorphic import placed
from tests.reference import workload

SEED = 73
SETTLED_SECONDS = 2.2
Shown = dict[tuple[Scope, Period], dict[str, Any]]


def shown(database: Database) -> Shown:
    contents = FigureStore(database.client).current().values()
    return {key_of(content): dict(zip(COLUMNS, content, strict=True)) for content in contents}


def reported(store: ReportStore, scope: Scope, period: Period) -> Waterfall:
    """The report of the same tasks."""
    since, before = beginning_of(period.first), beginning_of(period.end)
    if period.kind == "total":
        since, before = FIRST, LAST
    authorities: tuple[str, ...] | None = None
    if scope.kind == "authority":
        authorities = (scope.name,)
    elif scope.kind == "sector":
        authorities = store.authorities(scope.name)
    group = Group(authorities, scope.name if scope.kind == "task_type" else "", since=since, before=before)
    return waterfall_of(store, group, datetime.now(UTC))


def assert_as_reported(database: Database) -> Shown:
    found, store = shown(database), ReportStore(database.client)
    for (scope, period), content in found.items():
        report = reported(store, scope, period)
        counts, headline = report.about.counts, report.fixed.headline
        assert (content["tasks"], content["treated"], content["control"], content["compared"]) == (
            *(counts.tasks, counts.treated, counts.control, counts.compared),
        )
        assert (content["unmeasured"], content["incomplete"]) == (counts.unmeasured, counts.incomplete)
        assert content["excluded"] == sum(one.tasks for one in headline.excluded)
        assert content["excluded_net_ms"] == sum(one.net_ms for one in headline.excluded)
        assert content["adjusted_grade"] == (headline.adjusted_grade.grade if headline.adjusted_grade else "")
        assert content["net_grade"] == (headline.net_grade.grade if headline.net_grade else "")
        steps = report.fixed.steps if counts.treated > content["excluded"] else ()
        assert content["step"] == tuple(step.name for step in steps)
        assert content["ms"] == tuple(step.ms for step in steps)
        for ends in ("low_ms", "high_ms"):
            assert list(content[ends]) == pytest.approx([getattr(step, ends) for step in steps])
    return found


@pytest.mark.timeout(300)
def test_every_figure_is_that_of_the_report_and_changes_with_it(new_database: Callable[[], Database]) -> None:
    database = new_database()
    publish(database, REGISTRY)
    log = placed(list(workload.messages(5_000, SEED, AUTHORITIES)))
    work, rollups = Figures(FigureStore(database.client)), writer(database)
    assert work.look() > 0, "a nation without tasks"

    database.deliver(log[:3_000], snapshot_of(REGISTRY))
    rollups.look()
    time.sleep(SETTLED_SECONDS)
    assert work.look() > 0
    before = shown(database)
    assert work.look() == 0
    assert Figures(FigureStore(database.client)).look() == 0, "another writer finds it done"

    database.deliver(log[3_000:], snapshot_of(REGISTRY))
    rollups.look()
    time.sleep(SETTLED_SECONDS)
    assert work.look() > 0
    after = assert_as_reported(database)
    nation = Scope("nation")
    months = [period for scope, period in after if scope == nation and period.kind == "month"]
    assert sum(after[nation, month]["tasks"] for month in months) == sum(
        content["tasks"]
        for (scope, period), content in after.items()
        if scope.kind == "authority" and period.kind == "total"
    )
    assert before[nation, months[0]] != after[nation, months[0]]
    assert {scope.kind for scope, _ in after} == {"nation", "sector", "authority", "task_type"}
    assert {period.kind for _, period in after} >= {"total", "month", "until"}
    _leads_to_the_target(database, after)
    (kept,) = database.rows("SELECT count(), countIf(published_at > shown_at) FROM published_figures")
    assert kept[0] == kept[1] > len(after), "what was shown before is kept"


def _leads_to_the_target(database: Database, figures: Shown) -> None:
    first = min(period.first for scope, period in figures if period.kind == "month")
    store = ReportStore(database.client)
    (rated,) = (
        content for (scope, period), content in figures.items() if scope == Scope("nation") and period.kind == "rate"
    )
    found = progress(store, datetime.now(UTC))
    assert isinstance(found, Progress)
    assert isinstance(found.rate, Rate)
    assert found.rate.window.first == first
    assert found.rate.window.annualised
    freed = found.total.amount("adjusted").ms + found.total.amount("without_control").ms
    assert (found.total.freed.ms, found.share) == (freed, freed / (50_000_000 * 3_600_000))
    assert rated["tasks"] == found.rate.figure.counts.tasks
    assert found.rate.freed.ms == pytest.approx(found.rate.figure.freed.ms * 12 / found.rate.window.months)
    constant = found.scenarios["constant"]
    assert not isinstance(constant, Refusal)
    assert constant[-1].until == found.target.deadline == datetime(2036, 1, 1, tzinfo=UTC)
    years = found.pace.years
    assert constant[-1].freed.ms == pytest.approx(freed + years * found.rate.freed.ms, rel=0.01)
    assert isinstance(found.errors["constant"], Refusal), "under 36 months"
    _drawn_as_reported(database, constant)
    assert [figure.counts.tasks for figure in found.until] == list(
        accumulate(figure.counts.tasks for figure in found.months)
    )


def _drawn_as_reported(database: Database, constant: tuple[Point, ...]) -> None:
    at_ms = FigureStore(database.client).standing().at_ms
    assert publish_scenarios(database.client, at_ms) >= len(constant)
    drawn = database.rows("SELECT until, hours FROM current_scenarios WHERE scenario = 'constant' ORDER BY until")
    assert [until for until, _ in drawn] == [(point.until - timedelta(days=1)).date() for point in constant]
    assert drawn[-1][1] * 3_600_000 == pytest.approx(constant[-1].freed.ms, rel=1e-3)


def test_a_month_that_was_emptied_says_so(new_database: Callable[[], Database]) -> None:
    database = new_database()
    publish(database, REGISTRY)
    database.deliver(placed(list(workload.messages(300, 9, AUTHORITIES))), snapshot_of(REGISTRY))
    work, rollups = Figures(FigureStore(database.client)), writer(database)
    rollups.look()
    time.sleep(SETTLED_SECONDS)
    work.look()
    before = {key: content for key, content in shown(database).items() if content["tasks"]}
    assert before
    database.client.command("ALTER TABLE measurements DELETE WHERE 1", settings={"mutations_sync": 1})
    rollups.sweep()
    time.sleep(SETTLED_SECONDS)
    assert work.look() == len(before)
    assert {key: content["tasks"] for key, content in shown(database).items()} == dict.fromkeys(shown(database), 0)
    assert publish_scenarios(database.client, work.at_ms) == 0
    assert database.rows("SELECT count() FROM current_scenarios") == [(0,)]
    assert month_of(datetime.now(UTC)) not in {period.first for _, period in before}
