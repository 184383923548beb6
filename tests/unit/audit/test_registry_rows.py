"""Rows of the registry beside their payloads: what its writer stores is what an auditor derives, and nothing else is."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import RegistryEvent
from services.audit.seals.findings import Kind
from services.audit.seals.registry import AUTHORITY_COLUMNS, BASELINE_COLUMNS, entries
from services.audit.seals.verifying import Verified, Verifier
from services.baselines.clickhouse import RegistryStore
from services.domain.chain import HOUR_MS, REGISTRY, Chain, Checkpoint, sealable
from tests.fakes.history import History
from tests.properties.domain.strategies import histories
from tests.properties.restating import payload_of

COLUMNS = {"baselines": BASELINE_COLUMNS, "authorities": AUTHORITY_COLUMNS}
NULLABLE = {"cap_ms", "between_authority_sd_ms"}
MOMENTS = {"valid_from", "valid_to", "expires_at"}
NUMBERS = {"n", "clusters", "mean_ms", "standard_error_ms", "median_ms", "p90_ms"}
LATE_MS = 2_000_000_000_000


@dataclass
class Context:
    """An insert as the client prepares it."""

    table: str
    names: Sequence[str]
    data: Sequence[Sequence[Any]]
    block_row_count: int = 0


@dataclass
class Tables:
    """The client of ClickHouse, as far as the registry inserts: rows with the defaults of columns that were not given."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"baselines": [], "authorities": []})

    def create_insert_context(self, table: str, names: Sequence[str], data: Sequence[Any], settings: Any) -> Context:
        assert settings
        return Context(table, names, data)

    def insert(self, context: Context) -> None:
        assert context.block_row_count == len(context.data)
        for values in context.data:
            given = dict(zip(context.names, values, strict=True))
            names = COLUMNS[context.table]
            self.rows[context.table].append({name: given.get(name, _default(name)) for name in names})


def _default(name: str) -> Any:
    if name in NULLABLE:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) if name in MOMENTS else 0 if name in NUMBERS else ""


def stored(events: Sequence[RegistryEvent]) -> History:
    """The rows of these events, stored in one block, and their seals."""
    tables = Tables()
    RegistryStore(tables).insert([(event, payload_of(event)) for event in events])  # type: ignore[arg-type]
    history = History(registry=(tables.rows["baselines"], tables.rows["authorities"]))
    leaves = (entry.leaf for entry in entries(*history.registry))
    return replace(
        history, seals=[c for c in sealable(Chain.of(REGISTRY), leaves, LATE_MS) if isinstance(c, Checkpoint)]
    )


def verified(history: History) -> Verified:
    return Verifier(history, [], LATE_MS).run()


def changed(history: History, table: str, row: dict[str, Any], name: str, value: Any) -> History:
    def other(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**each, name: value} if each is row else each for each in rows]

    baselines, authorities = history.registry
    return replace(
        history, registry=(other(baselines), authorities) if table == "baselines" else (baselines, other(authorities))
    )


def _another(value: Any) -> Any:
    match value:
        case datetime():
            return value + timedelta(milliseconds=1)
        case bytes():
            return bytes(32)
        case str():
            return value + "x"
        case None:
            return 1
        case _:
            return value + 1


@given(histories())
def test_what_the_registry_stores_is_verified(events: list[RegistryEvent]) -> None:
    result = verified(stored(events))
    assert (result.findings, result.rows, result.seals) == ([], len(events), 1)


@given(histories(), st.data())
def test_any_column_of_any_row_that_is_changed_is_named(events: list[RegistryEvent], data: st.DataObject) -> None:
    history = stored(events)
    table = data.draw(st.sampled_from([t for t, rows in zip(COLUMNS, history.registry, strict=True) if rows]))
    row = data.draw(st.sampled_from(history.registry[table == "authorities"]))
    name = data.draw(st.sampled_from(COLUMNS[table]))
    result = verified(changed(history, table, row, name, _another(row[name])))
    named = [found for found in result.findings if found.kind == Kind.ALTERED and found.table == table]
    assert named
    wanted = row["generation"] + 1 if name == "generation" else row["generation"]
    assert {found.offset for found in named} == {wanted}


@given(histories(), st.data())
def test_a_generation_that_is_gone_or_doubled_is_named(events: list[RegistryEvent], data: st.DataObject) -> None:
    history = stored(events)
    gone = data.draw(st.integers(1, len(events)))
    baselines, authorities = ([r for r in rows if r["generation"] != gone] for rows in history.registry)
    (found,) = verified(replace(history, registry=(baselines, authorities))).findings
    assert (found.kind, found.offset, found.last_offset) == (Kind.MISSING, gone, gone)
    other = stored([*events[: gone - 1], events[gone - 1].model_copy(update={"source": "/other"})])
    one, other_one = (
        [*rows, *(row for row in more if row["generation"] == gone)]
        for rows, more in zip(history.registry, other.registry, strict=True)
    )
    result = verified(replace(history, registry=(one, other_one)))
    assert (result.findings[0].kind, result.findings[0].offset) == (Kind.ADDED, gone)


def test_a_row_whose_payload_is_no_event_is_named() -> None:
    row = {
        **dict.fromkeys(BASELINE_COLUMNS, ""),
        "generation": 1,
        "digest": bytes(32),
        "published_at": datetime.fromtimestamp(HOUR_MS, UTC),
    }
    for payload in (
        "",
        "[]",
        "{}",
        '{"type": "dk.frigjort.authority.registered.v1", "data": {}, "time": "2026-01-01T00:00:00Z"}',
    ):
        result = verified(History(registry=([{**row, "payload": payload}], [])))
        assert {"the payload is no event of the registry"} <= {found.what for found in result.findings}
