"""What the tests of rollups on the real engine share: a workload with its registry, writers, and what is shown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from clickhouse_connect.driver.client import Client

from contracts.reading import STRUCTURED_HEADERS, Record, read
from contracts.topics import BASELINES
from services.baselines.clickhouse import RegistryStore
from services.domain.rollups.tables import CLUSTERS, DAILY, Layout
from services.progress.rollups.clickhouse import RollupStore
from services.progress.rollups.publishing import Rollups
from services.runtime.clock import now_ms
from tests.integration.delivering import Database
from tests.reference import load_registry, workload
from tests.reference import rollups as reference
from tests.reference.model import State
from tests.reference.rows import row_of

AUTHORITIES = workload.authorities(3)
REGISTRY = load_registry.registry(AUTHORITIES)
ROWS = {DAILY: "current_progress", CLUSTERS: "current_cluster_sums"}
Shown = list[dict[tuple[Any, ...], tuple[Any, ...]]]


def publish(database: Database, messages: Iterable[Mapping[str, Any]]) -> None:
    """Stores events of the registry as its writer does."""
    registry = RegistryStore(database.client)
    for message in messages:
        payload = json.dumps(message).encode()
        event = read(Record(BASELINES, str(message["subject"]).encode(), STRUCTURED_HEADERS, payload)).event
        registry.insert([(event, payload)])  # type: ignore[list-item]


def writer(database: Database, number: int = 1) -> Rollups:
    return Rollups(RollupStore(database.client), number, now_ms)


def shown(client: Client, at: datetime | None = None) -> Shown:
    """Every row of both tables that is shown now, or was shown at a moment."""
    return [_rows(client, layout, view, at) for layout, view in ROWS.items()]


def _rows(client: Client, layout: Layout, view: str, at: datetime | None) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    columns = ", ".join(("authority", "day", *layout.columns))
    if at is None:
        found = client.query(f"SELECT {columns} FROM {view}").result_rows
    else:
        when = "WHERE published_at <= {at:DateTime64(3)} AND shown_until > {at:DateTime64(3)}"
        view = view.replace("current", "published")
        found = client.query(f"SELECT {columns} FROM {view} {when}", parameters={"at": at}).result_rows
    keys = 2 + len(layout.keys)
    rows = {tuple(row[:keys]): tuple(row[keys:]) for row in found}
    assert len(rows) == len(found)
    return rows


def expected(states: Iterable[State]) -> Shown:
    """What must be shown of these states of the reference model."""
    tasks: Sequence[dict[str, Any]] = [
        {**fields, "authority": authority, "task": task} for (authority, task), fields in map(row_of, states)
    ]
    return [reference.daily(tasks), reference.clusters(tasks)]
