"""The registry's edge to ClickHouse: what was published, which Kafka log each number means, and what is measured anew."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from datetime import datetime
from typing import Any, Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from contracts import RULES, SAME_COLUMNS_SINCE
from contracts.events import (
    PUBLISHED,
    AuthorityRegistered,
    BaselinePublished,
    BaselineWithdrawn,
    RegistryEvent,
    moment_at,
)
from services.baselines.proposals import Proposal
from services.baselines.restatement import Run, Stale
from services.baselines.targets import TargetVersion
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_TEXTS: Final = ("level", "task_type", "complexity", "method", "grade", "proposed_by", "approved_by")
_MOMENTS: Final = ("valid_from", "valid_to", "expires_at")
_NUMBERS: Final = ("n", "clusters", "mean_ms", "standard_error_ms", "median_ms", "p90_ms")
_UNSAID: Final[Mapping[str, Any]] = {
    **dict.fromkeys((*_TEXTS, "authority", "sector", "evidence_source", "evidence_sha256"), ""),
    **dict.fromkeys(_MOMENTS, moment_at(0)),
    **dict.fromkeys(_NUMBERS, 0),
    "cap_ms": None,
    "between_authority_sd_ms": None,
}
"""The columns of `baselines` that a withdrawal says nothing of: in one block with publications it has them too."""
_OURS: Final = f"rules BETWEEN {SAME_COLUMNS_SINCE} AND {RULES}"


class RegistryStore:
    """Tables `baselines`, `authorities`, `proposals`, `approvals`, `registry_claims`, `targets` and `logs`. Raises `Retry` or `Halt`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def generation(self) -> int:
        """The highest generation given so far; 0 for none."""
        ((generation,),) = self._rows(
            "SELECT greatest((SELECT max(generation) FROM baselines), (SELECT max(generation) FROM authorities))"
        )
        return int(generation)

    def published_until(self) -> datetime:
        """When the newest event was published, to the millisecond; 1970 for none."""
        ((milliseconds,),) = self._rows(
            "SELECT toUnixTimestamp64Milli(greatest((SELECT max(published_at) FROM baselines), "
            "(SELECT max(published_at) FROM authorities)))"
        )
        return moment_at(int(milliseconds))

    def payloads(self) -> list[bytes]:
        """Every registry event as it was published, in the order of generations."""
        rows = self._rows(
            "SELECT payload FROM (SELECT generation, payload FROM baselines FINAL UNION ALL "
            "SELECT generation, payload FROM authorities FINAL) ORDER BY generation"
        )
        return [str(payload).encode() for (payload,) in rows]

    def insert(self, events: Sequence[tuple[RegistryEvent, bytes]]) -> None:
        """Stores events with their payloads: they are published only after they are stored."""
        baselines = [
            _baseline_row(event, payload) for event, payload in events if not isinstance(event, AuthorityRegistered)
        ]
        authorities = [
            _authority_row(event, payload) for event, payload in events if isinstance(event, AuthorityRegistered)
        ]
        for table, rows in (("baselines", baselines), ("authorities", authorities)):
            if rows:
                names = list(rows[0])
                with translated():
                    context = self._client.create_insert_context(
                        table, names, data=[[row[name] for name in names] for row in rows], settings=INSERT_SETTINGS
                    )
                    context.block_row_count = len(rows)  # one block: a publication is stored whole or not at all
                    self._client.insert(context=context)

    def proposals(self) -> list[tuple[str, bytes, datetime]]:
        """Every proposal: id, content, when it was proposed first."""
        rows = self._rows("SELECT proposal, payload, toUnixTimestamp64Milli(proposed_at) FROM proposals FINAL")
        return [(str(proposal), str(payload).encode(), moment_at(at)) for proposal, payload, at in rows]

    def approvals(self) -> list[tuple[str, str, datetime]]:
        """Every approval: of which proposal, by whom, when first."""
        rows = self._rows("SELECT proposal, approved_by, toUnixTimestamp64Milli(approved_at) FROM approvals FINAL")
        return [(str(proposal), str(approved_by), moment_at(at)) for proposal, approved_by, at in rows]

    def insert_proposals(self, proposals: Sequence[tuple[Proposal, datetime]]) -> None:
        """Stores proposals; one that is stored already stays as it is."""
        rows = [
            [one.id, at, one.baseline.baseline, one.baseline.version, one.baseline.proposed_by, one.payload.decode()]
            for one, at in proposals
        ]
        names = ["proposal", "proposed_at", "baseline", "baseline_version", "proposed_by", "payload"]
        self._insert("proposals", names, rows)

    def insert_approvals(self, approvals: Sequence[tuple[str, str, datetime]]) -> None:
        """Stores approvals; one that is stored already stays as it is."""
        self._insert("approvals", ["proposal", "approved_by", "approved_at"], [list(one) for one in approvals])

    def claim(self, holder: str) -> None:
        """Stores a claim to be the writer."""
        self._claim_row(holder, "claimed")

    def release(self, holder: str) -> None:
        """Stores that a claim ended."""
        self._claim_row(holder, "released")

    def open_claims(self) -> dict[str, datetime]:
        """Since when each claim that was not released is open."""
        rows = self._rows(
            "SELECT holder, toUnixTimestamp64Milli(min(recorded_at)) FROM registry_claims GROUP BY holder "
            "HAVING countIf(event = 'released') = 0"
        )
        return {str(holder): moment_at(milliseconds) for holder, milliseconds in rows}

    def _claim_row(self, holder: str, event: str) -> None:
        self._insert("registry_claims", ["holder", "event"], [[holder, event]])

    def targets(self) -> list[TargetVersion]:
        """Every version of what is set in advance."""
        rows = self._rows(
            "SELECT name, target_version, value, unit, source, set_by, toUnixTimestamp64Milli(set_at) FROM target_versions"
        )
        return [
            TargetVersion(name, version, value, unit, source, set_by, moment_at(at))
            for name, version, value, unit, source, set_by, at in rows
        ]

    def add_target(self, version: TargetVersion) -> None:
        """Stores a version."""
        columns = ["name", "target_version", "value", "unit", "source", "set_by", "set_at"]
        self._insert("targets", columns, [list(astuple(version))])

    def bound(self) -> dict[str, tuple[int, set[str]]]:
        """Per topic the highest log number and the topic ids bound to it."""
        rows = self._rows(
            "SELECT topic, log_no, groupUniqArray(topic_id) FROM logs GROUP BY topic, log_no ORDER BY log_no"
        )
        return {str(topic): (int(log_no), set(ids)) for topic, log_no, ids in rows}

    def bind(self, bindings: Sequence[tuple[str, int, str]]) -> None:
        """Binds (topic, log_no, topic_id)."""
        self._insert("logs", ["topic", "log_no", "topic_id"], [list(binding) for binding in bindings])

    def authorities(self) -> list[dict[str, Any]]:
        """The newest version of each authority."""
        rows = self._rows(
            "SELECT authority, max(authority_version), argMax(name, authority_version), argMax(sector, authority_version) "
            "FROM authorities GROUP BY authority ORDER BY authority"
        )
        return [dict(zip(("authority", "version", "name", "sector"), row, strict=True)) for row in rows]

    def _insert(self, table: str, names: list[str], rows: list[list[Any]]) -> None:
        if rows:
            with translated():
                self._client.insert(table, rows, column_names=names, settings=INSERT_SETTINGS)

    def _rows(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        with translated():
            return [tuple(row) for row in self._client.query(sql, parameters=parameters).result_rows]


class MeasurementStore(RegistryStore):
    """What a restatement needs: view `stale_measurements`, tables `measurements` and `restatements`."""

    def stale(self, authority: str) -> dict[str, Stale]:
        """The stale states by authority, of one authority or (empty) of all; authorities without any are left out."""
        sql = (
            f"SELECT authority, countIf({_OURS}), min(generation), countIf(NOT {_OURS}) FROM stale_measurements "
            "WHERE {authority:String} = '' OR authority = {authority:String} GROUP BY authority ORDER BY authority"
        )
        rows = self._rows(sql, authority=authority)
        return {str(found): Stale(tasks, oldest, foreign) for found, tasks, oldest, foreign in rows}

    def page_end(self, authority: str, after: str, keys: int) -> str | None:
        """The task that ends the next page of at most `keys` tasks after `after`; none: there is nothing after it."""
        sql = (
            "SELECT max(task), count() FROM (SELECT task FROM measurements WHERE authority = {authority:String} "
            "AND task > {after:String} ORDER BY task LIMIT {keys:UInt32})"
        )
        ((end, count),) = self._rows(sql, authority=authority, after=after, keys=keys)
        return str(end) if count else None

    def page(self, authority: str, after: str, end: str, generation: int) -> pa.Table:
        """The stale states of the tasks in (after, end], older than `generation`, of rules that can be restated here."""
        sql = (
            f"SELECT * EXCEPT newer_generation FROM stale_measurements WHERE {_OURS} AND generation < "
            "{generation:UInt64} AND authority = {authority:String} AND task > {after:String} AND task <= {end:String}"
        )
        parameters = {"authority": authority, "after": after, "end": end, "generation": generation}
        with translated():
            return self._client.query_arrow(sql, parameters=parameters, use_strings=True)

    def write(self, rows: pa.Table) -> None:
        """Stores rows of `measurements`."""
        with translated():
            self._client.insert_arrow("measurements", rows, settings=INSERT_SETTINGS)

    def record(self, run: Run) -> None:
        """Stores how far a run is; what was stored of it before is replaced."""
        names = [column.name for column in fields(run)]
        with translated():
            self._client.insert("restatements", [astuple(run)], column_names=names, settings=INSERT_SETTINGS)


def _baseline_row(event: RegistryEvent, payload: bytes) -> dict[str, Any]:
    if not isinstance(event, BaselinePublished | BaselineWithdrawn):
        raise TypeError(event.type)
    data = event.data
    row: dict[str, Any] = {
        "baseline": data.baseline,
        "baseline_version": data.version,
        "kind": "published" if event.type == PUBLISHED else "withdrawn",
        "generation": data.generation,
        "digest": hashlib.sha256(payload).digest(),
        "published_at": event.time,
        "payload": payload.decode(),
        **_UNSAID,
    }
    if isinstance(event, BaselinePublished):
        row |= {name: getattr(event.data, name) for name in (*_TEXTS, *_MOMENTS, *_NUMBERS)}
        row |= {
            "authority": event.data.authority or "",
            "sector": event.data.sector or "",
            "cap_ms": event.data.cap_ms,
            "between_authority_sd_ms": event.data.between_authority_sd_ms,
            "evidence_source": event.data.evidence.source,
            "evidence_sha256": event.data.evidence.sha256,
        }
    return row


def _authority_row(event: AuthorityRegistered, payload: bytes) -> dict[str, Any]:
    data = event.data
    return {
        "authority": data.authority,
        "authority_version": data.version,
        "generation": data.generation,
        "digest": hashlib.sha256(payload).digest(),
        "published_at": event.time,
        "name": data.name,
        "sector": data.sector,
        "case_systems": data.case_systems or 0,
        "staff_hours": data.staff_hours or 0,
        "payload": payload.decode(),
    }
