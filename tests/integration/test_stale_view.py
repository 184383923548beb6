"""The view of what is stale, and a sweep over the real tables, beside their definitions in plain Python."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts import RULES
from contracts.events import RegistryEvent
from contracts.registry import Authority, BaselineWithdrawal
from services.baselines.clickhouse import MeasurementStore
from services.baselines.restatement import Request, Restatement, Stale
from services.embedded.endpoint_process import EndpointProcess
from services.runtime import clickhouse
from services.runtime.migrations import migrate
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import publish
from tests.properties.domain.strategies import AUTHORITIES, TASK_TYPES, baseline, day, event, histories, task
from tests.properties.restating import NOW, Content, FoldingTable, collected, contents
from tests.properties.test_restatement import snapshot_at
from tests.reference.staleness import newer_generation

MS = timedelta(milliseconds=1)
_ROWS = "SELECT * FROM measurements FINAL ORDER BY authority, task"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An endpoint with the schema."""
    folder = tmp_path_factory.mktemp("stale")
    endpoint = EndpointProcess(folder / "data", "w" * 20, "a" * 20, folder / "endpoint.log")
    try:
        known = ClickHouseSettings(url=endpoint.start(), user="frigjort_writer", password=SecretStr("w" * 20))
        list(migrate(known))
        yield clickhouse.connect(known)
    finally:
        endpoint.stop()


def _rows(client: Client) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.query_arrow(_ROWS, use_strings=True).to_pylist()
    return found


def _emptied(client: Client) -> MeasurementStore:
    for table in ("baselines", "authorities", "measurements", "restatements"):
        client.command(f"TRUNCATE TABLE {table}")
    return MeasurementStore(client)


def _registered(generation: int, sector: str, **fields: Any) -> Authority:
    known = {"authority": AUTHORITIES[0], "version": generation, "name": "Eksempel"}
    return Authority.model_validate({**known, "generation": generation, "sector": sector, **fields})


REGION = _registered(1, "region")
REPLACED = BaselineWithdrawal(baseline="b9", version=1, generation=1, reason="replaced", withdrawn_by="second")
TAKEN_BACK = BaselineWithdrawal(baseline="b1", version=1, generation=2, reason="wrong", withdrawn_by="second")


@pytest.mark.parametrize(
    ("events", "under", "is_stale"),
    [
        ([baseline(1)], 0, True),
        ([baseline(1)], 1, False),
        ([baseline(1, complexity="low")], 0, True),
        ([baseline(1, complexity="medium")], 0, False),
        ([baseline(1, task_type=TASK_TYPES[1])], 0, False),
        ([baseline(1, level="authority", authority=AUTHORITIES[0])], 0, True),
        ([baseline(1, level="authority", authority=AUTHORITIES[1])], 0, False),
        ([REGION, baseline(2, level="sector", sector="region")], 1, True),
        ([REGION, baseline(2, level="sector", sector="state")], 1, False),
        ([baseline(1), TAKEN_BACK], 1, True),
        ([baseline(1), TAKEN_BACK, baseline(3, complexity="high")], 2, False),
        ([REPLACED, baseline(2)], 1, True),  # one block, begun by a withdrawal
        ([REGION], 0, True),
        ([REGION, _registered(2, "region", name="Andet navn")], 1, False),
        ([REGION, _registered(2, "state")], 1, True),
        ([REGION, _registered(2, "state", authority=AUTHORITIES[1])], 1, False),
    ],
)
def test_what_concerns_a_state(client: Client, events: list[Any], under: int, is_stale: bool) -> None:
    """A task of another type that was corrected into this one stands under no number: it is not there any more."""
    store = _emptied(client)
    published = [event(data) for data in events]
    publish(client, published)
    store.write(collected([(0, task(task_type=TASK_TYPES[1]))], snapshot_at([], 0)))
    store.write(collected([(1, task(revision=2))], snapshot_at(published, under)))
    assert client.query("SELECT count() FROM stale_measurements").result_rows == [(is_stale,)]


def test_pages_end_where_the_next_begin_and_leave_other_rules_alone(client: Client) -> None:
    store = _emptied(client)
    publish(client, [event(baseline(1))])
    rows = collected([(n, task(task=f"t{n}")) for n in range(5)], snapshot_at([], 0))
    rules = pa.array([RULES, RULES + 1, RULES, RULES, RULES], pa.uint32())
    store.write(rows.set_column(rows.column_names.index("rules"), "rules", rules))
    work = Restatement(store, Request("method-office", "test"), lambda: NOW, lambda: None, page_keys=2)
    assert work.until_nothing_is_stale() == {AUTHORITIES[0]: Stale(0, 0, foreign=1)}
    assert [run.tasks for run in work.runs] == [4]
    found = client.query("SELECT task, generation, rules FROM measurements FINAL ORDER BY task").result_rows
    assert found == [(f"t{n}", int(n != 1), RULES + (n == 1)) for n in range(5)]


@pytest.mark.parametrize("fields", [{"valid_to": day(6)}, {"expires_at": day(6)}], ids=["valid", "expires"])
def test_in_force_is_half_open(client: Client, fields: dict[str, datetime]) -> None:
    store = _emptied(client)
    publish(client, [event(baseline(1, valid_from=day(4), **fields))])
    moments = {"before": day(4) - MS, "first": day(4), "last": day(6) - MS, "after": day(6)}
    states = [task(task=name, completed_at=moment) for name, moment in moments.items()]
    store.write(collected(enumerate(states), snapshot_at([], 0)))
    shown = client.query("SELECT task FROM stale_measurements ORDER BY task").result_rows
    assert [name for (name,) in shown] == ["first", "last"]


@pytest.mark.timeout(240)
@given(histories(), contents(), st.data())
@settings(max_examples=15, deadline=None)
def test_view_and_sweep_are_as_defined(
    client: Client, events: list[RegistryEvent], log: list[Content], data: st.DataObject
) -> None:
    store, mirror = _emptied(client), FoldingTable(events=events)
    publish(client, events)
    assert store.payloads() == mirror.payloads()
    numbered = list(enumerate(log))
    while numbered:
        size = data.draw(st.integers(1, len(numbered)))
        rows = collected(numbered[:size], snapshot_at(events, data.draw(st.integers(0, len(events)))))
        rules = data.draw(st.sampled_from([RULES, RULES, RULES + 1]))
        column = pa.array([rules] * rows.num_rows, pa.uint32())
        rows = rows.set_column(rows.column_names.index("rules"), "rules", column)
        store.write(rows)
        mirror.write(rows)
        numbered = numbered[size:]

    shown = client.query("SELECT authority, task, newer_generation FROM stale_measurements ORDER BY 1, 2").result_rows
    newer = [
        (row["authority"], row["task"], newer_generation(row, events), row["generation"]) for row in mirror.states()
    ]
    assert [tuple(row) for row in shown] == [found[:3] for found in newer if found[3] < found[2]]
    assert store.stale("") == mirror.stale("")

    request = Request("method-office", "test")
    left = [
        Restatement(one, request, clock=lambda: NOW, pause=lambda: None, page_keys=2).until_nothing_is_stale()
        for one in (store, mirror)
    ]
    assert left[0] == left[1]
    assert not any(stale.tasks for stale in left[0].values())
    assert _rows(client) == [row for _, row in sorted(mirror.rows.items())]
    ledger = client.query("SELECT generation, tasks, changed, saved_before_ms, saved_after_ms FROM restatement_runs")
    assert [tuple(row) for row in ledger.result_rows] == [
        (run.generation, run.tasks, run.changed, run.saved_before_ms, run.saved_after_ms)
        for run in mirror.ledger.values()
    ]
