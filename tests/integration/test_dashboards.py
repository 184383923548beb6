"""Every panel of every dashboard against a sample nation in the real engine: its SQL runs, gives what the panel shows, and totals are
the reference model's. Every expression for Prometheus parses; that its metrics exist is held by tests/unit/deploy."""

import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from deploy.grafana.source.queries import HIGH, HOURS, LOW
from services.embedded.endpoint_process import EndpointProcess
from services.progress.figures.clickhouse import FigureStore
from services.progress.figures.flags import count_flags
from services.progress.figures.publishing import Figures
from services.progress.figures.scenarios import publish_scenarios
from services.runtime.clickhouse import connect
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database, snapshot_of
from tests.integration.rollups.publishing import AUTHORITIES, REGISTRY, publish, writer
from tests.integration.rollups.test_rollups import restated
from tests.integration.test_metamorphic import placed
from tests.reference import workload
from tests.reference.model import Fold, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

FOLDER = Path(__file__).parents[2] / "deploy/grafana/dashboards"
DASHBOARDS = {
    path.relative_to(FOLDER).as_posix(): json.loads(path.read_text()) for path in sorted(FOLDER.rglob("*.json"))
}
LOG = placed(list(workload.messages(4_000, 83, AUTHORITIES)))


def targets(name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for panel in DASHBOARDS[name]["panels"]:
        for target in panel["targets"]:
            yield panel, target


def expanded(statement: str) -> str:
    """As Grafana sends it for 2020 to 2030 and the first authority."""
    dates = re.sub(r"\$__dateFilter\((\w+)\)", r"\1 >= toDate('2020-01-01') AND \1 <= toDate('2030-01-01')", statement)
    found = dates.replace("${authority}", AUTHORITIES[0])
    assert "$" not in found, found
    return found


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[ClickHouseSettings]:
    """Of its own, since the auditor sees one database."""
    folder = tmp_path_factory.mktemp("dashboards")
    shutil.copytree(migrated, folder / "data", symlinks=True)
    process = EndpointProcess(folder / "data", "w" * 20, "a" * 20, folder / "endpoint.log")
    try:
        yield ClickHouseSettings(url=process.start(), user="frigjort_writer", password=SecretStr("w" * 20))
    finally:
        process.stop()


@pytest.fixture(scope="module")
def nation(endpoint: ClickHouseSettings) -> Database:
    database = Database(endpoint)
    known = REGISTRY[: len(REGISTRY) - 4]
    publish(database, known)
    database.deliver(LOG, snapshot_of(known))
    publish(database, REGISTRY[len(known) :])
    restated(database)
    writer(database).look()
    time.sleep(2.2)
    figures = Figures(FigureStore(database.client))
    assert figures.look() > 0
    assert publish_scenarios(database.client, figures.at_ms) > 0
    count_flags(database.client)
    return database


@pytest.fixture(scope="module")
def model() -> Fold:
    return fold(Records(LOG), Registry(json.dumps(message) for message in REGISTRY))


@pytest.fixture(scope="module")
def auditor(nation: Database, endpoint: ClickHouseSettings) -> Client:
    """Whom Grafana logs in as."""
    assert nation.rows("SELECT count() > 0 FROM current_figures") == [(1,)]
    return connect(endpoint.model_copy(update={"user": "frigjort_auditor", "password": SecretStr("a" * 20)}))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_panel_shows_something_to_the_auditor(auditor: Client, name: str) -> None:
    statements = [(panel, target) for panel, target in targets(name) if "rawSql" in target]
    for panel, target in statements:
        result = auditor.query(expanded(target["rawSql"]))
        assert result.result_rows, panel["title"]
        assert len(set(result.column_names)) == len(result.column_names)
        kinds = [kind.base_type for kind in result.column_types]
        if panel["type"] == "timeseries":
            assert (target["format"], result.column_names[0], kinds[0]) == (0, "time", "DateTime")
            assert all(kind == "Float64" for kind in kinds[1:])
        else:
            assert target["format"] == 1
        if panel["type"] == "stat":
            assert (len(kinds), len(result.result_rows)) == (1, 1)
            (value,) = result.result_rows[0]
            assert value is not None
            assert value == value, f"{panel['title']} is not a number"  # noqa: PLR0124 - NaN
        overridden = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
        assert overridden <= set(result.column_names), panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_expression_parses(name: str) -> None:
    for _, target in targets(name):
        if "expr" in target:
            promql_parser.parse(target["expr"])


def rows(nation: Database, name: str, title: str) -> list[dict[str, Any]]:
    """What a panel shows, by its columns."""
    (statement,) = (target["rawSql"] for panel, target in targets(name) if panel["title"] == title)
    return list(nation.client.query(expanded(statement)).named_results())


def test_totals_are_the_reference_models(nation: Database, model: Fold) -> None:
    totals = model.by()[()]
    states = list(model.states())
    parts = {
        row["part"]: row["hours freed"] for row in rows(nation, "en/frigjort-progress.json", "What it consists of")
    }
    ((left_out,),) = nation.rows(
        "SELECT excluded_net_ms FROM current_figures WHERE (scope_kind, period_kind) = ('nation', 'total')"
    )
    assert left_out != 0, "some are graded too low"
    assert parts["net"] * 3_600_000 + left_out == pytest.approx(totals.freed_ms)
    (so_far,) = rows(nation, "en/frigjort-progress.json", "Hours freed so far")
    assert so_far["hours"] == pytest.approx(
        parts.get("adjusted by the control", 0) + parts["net without control, apart"]
    )
    (share,) = rows(nation, "en/frigjort-progress.json", "Of the target")
    assert share["share"] == pytest.approx(so_far["hours"] / 50_000_000)
    (measured,) = rows(nation, "en/frigjort-trust.json", "Tasks measured")
    assert measured["share"] == pytest.approx(totals.measured / len(states))
    (without,) = rows(nation, "en/frigjort-trust.json", "Without a baseline")
    assert without["unmeasured"] == totals.unmeasured
    (treated,) = rows(nation, "en/frigjort-ai.json", "Tasks with AI")
    assert treated["tasks"] == totals.treated
    by_kind = rows(nation, "en/frigjort-ai.json", "Hours by kind of assistance")
    assert sum(row["net hours"] for row in by_kind) * 3_600_000 == pytest.approx(totals.freed_ms)
    by_type = rows(nation, "en/frigjort-authority.json", "Task types")
    own = model.by("authority")[(AUTHORITIES[0],)]
    assert sum(row["net hours"] for row in by_type) * 3_600_000 == pytest.approx(own.freed_ms)
    assert sum(row["tasks"] for row in by_type) == sum(state.authority == AUTHORITIES[0] for state in states)
    flags = {row["flag"]: row["times"] for row in rows(nation, "en/frigjort-trust.json", "Plausibility")}
    assert flags == dict(nation.rows("SELECT flag, count() FROM plausibility_flags GROUP BY flag"))
    refused = rows(nation, "en/frigjort-trust.json", "Refused, by supplier")
    assert refused
    cumulated = rows(nation, "en/frigjort-progress.json", "Hours freed, from the beginning")
    assert cumulated[-1]["hours freed"] == pytest.approx(so_far["hours"])


def test_without_an_interval_there_is_no_end_rather_than_a_wrong_one(nation: Database) -> None:
    steps = "SELECT 'adjusted' AS name, 5. AS hours, 3. AS low_hours, 7. AS high_hours"
    apart = "SELECT 'without_control', -2., {}, {}"
    for low, high, ends in (("-3.", "-1.", (4, 10)), ("NULL", "NULL", (None, None))):
        rows = nation.rows(f"SELECT {HOURS}, {LOW}, {HIGH} FROM ({steps} UNION ALL {apart.format(low, high)})")
        assert rows == [(7, *ends)]


def test_both_languages_ask_the_same_of_the_same_panels() -> None:
    for name in (name for name in DASHBOARDS if name.startswith("en/")):
        english, danish = DASHBOARDS[name], DASHBOARDS[name.replace("en/", "da/")]
        assert [panel["type"] for panel in english["panels"]] == [panel["type"] for panel in danish["panels"]]
        assert [panel["gridPos"] for panel in english["panels"]] == [panel["gridPos"] for panel in danish["panels"]]
        assert english["uid"].removesuffix("-en") == danish["uid"].removesuffix("-da")
        for panel in (*english["panels"], *danish["panels"]):
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references)
            assert panel["title"]
            assert panel["description"]
