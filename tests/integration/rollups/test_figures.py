"""Figures on the real engine: each says what the report of the same tasks says, which reads measurements and no rollup."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.domain.figures.content import COLUMNS, key_of
from services.domain.figures.shapes import Period, Scope
from services.domain.forecast.months import beginning_of, month_of
from services.progress.figures.clickhouse import FigureStore
from services.progress.figures.publishing import Figures
from services.reports.clickhouse import ReportStore
from services.reports.group import FIRST, LAST, Group
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
    (kept,) = database.rows("SELECT count(), countIf(published_at > shown_at) FROM published_figures")
    assert kept[0] == kept[1] > len(after), "what was shown before is kept"


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
    assert month_of(datetime.now(UTC)) not in {period.first for _, period in before}
