"""The view of what is stale, and a sweep over the real tables, beside their definitions in plain Python."""

from collections.abc import Iterator

import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts import RULES
from contracts.events import RegistryEvent
from services.baselines.clickhouse import MeasurementStore
from services.baselines.restatement import Request, Restatement
from services.embedded.endpoint_process import EndpointProcess
from services.runtime import clickhouse
from services.runtime.migrations import migrate
from services.runtime.settings import ClickHouseSettings
from tests.properties.domain.strategies import histories
from tests.properties.restating import NOW, Content, FoldingTable, collected, contents, payload_of
from tests.properties.test_restatement import snapshot_at
from tests.reference.staleness import newer_generation

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


@given(histories(), contents(), st.data())
@settings(max_examples=25, deadline=None)
def test_view_and_sweep_are_as_defined(
    client: Client, events: list[RegistryEvent], log: list[Content], data: st.DataObject
) -> None:
    for table in ("baselines", "authorities", "measurements", "restatements"):
        client.command(f"TRUNCATE TABLE {table}")
    store, mirror = MeasurementStore(client), FoldingTable(events=events)
    for event in events:
        store.insert([(event, payload_of(event))])
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
