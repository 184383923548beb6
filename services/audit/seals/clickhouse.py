"""The edge to ClickHouse: what is to be sealed, by views that an auditor may read, and the table `seals`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from clickhouse_connect.driver.client import Client

from contracts.events import moment_at
from services.audit.seals.records import Record
from services.audit.seals.registry import AUTHORITY_COLUMNS, BASELINE_COLUMNS
from services.audit.seals.rows import Row, leaves, registry_leaves
from services.domain.accounts import Place
from services.domain.chain import REGISTRY, Checkpoint, Leaf
from services.runtime.clickhouse import INSERT_SETTINGS, translated

_PLACES: Final = "SELECT DISTINCT log_no, topic, partition FROM record_rows ORDER BY log_no, topic, partition"
_CHECKPOINTS: Final = (
    "SELECT log_no, topic, partition, last_offset, chain, records, toUnixTimestamp64Milli(closed_at) FROM checkpoints"
)
_NEWEST: Final = f"""{_CHECKPOINTS} WHERE (log_no, topic, partition, last_offset) IN
    (SELECT log_no, topic, partition, max(last_offset) FROM checkpoints GROUP BY log_no, topic, partition)
ORDER BY log_no, topic, partition, chain"""
_PAGE: Final = """ FROM record_rows
WHERE log_no = {log_no:UInt32} AND topic = {topic:String} AND partition = {partition:UInt16} AND offset >= {first:UInt64}
ORDER BY offset, digest, accepted, rules LIMIT {most:UInt64}
"""
_LEAF_COLUMNS: Final = "offset, digest, accepted, rules, toUnixTimestamp64Milli(broker_time) AS broker_ms, leaf"
_REGISTRY: Final = """
SELECT generation, toUnixTimestamp64Milli(published_at), digest FROM
    (SELECT generation, published_at, digest FROM baseline_versions
     UNION ALL SELECT generation, published_at, digest FROM authority_versions)
ORDER BY generation, digest
"""
_RECORD_COLUMNS: Final = f"{_LEAF_COLUMNS}, event_type, event_source, event_id, subject, payload, salt, code, path"
_COUNTS: Final = "SELECT log_no, topic, partition, count() FROM record_rows GROUP BY log_no, topic, partition"
_ERASED: Final = (
    "SELECT log_no, topic, partition, groupArray(offset) FROM erased_records GROUP BY log_no, topic, partition"
)
_BINARY: Final[dict[str, str | dict[str, str]]] = {"digest": "bytes", "chain": "bytes", "leaf": "bytes"}
_COLUMNS: Final = ("log_no", "topic", "partition", "last_offset", "chain", "records", "closed_at")


@dataclass(frozen=True, slots=True)
class SealStore:
    """What is stored, in the order in which it is chained. Raises `Retry` or `Halt`."""

    client: Client
    page_rows: int = 50_000

    def places(self) -> list[Place]:
        """The partitions that something is stored of, and the registry."""
        return [REGISTRY, *((log_no, topic, partition) for log_no, topic, partition in self.rows(_PLACES))]

    def newest(self) -> dict[Place, list[Checkpoint]]:
        """The checkpoints at the highest sealed offset of each partition: one, or there are two chains."""
        found: dict[Place, list[Checkpoint]] = {}
        for checkpoint in (Checkpoint(*row) for row in self.rows(_NEWEST)):
            found.setdefault(checkpoint.place, []).append(checkpoint)
        return found

    def checkpoints(self) -> list[Checkpoint]:
        """All of them, by partition and offset."""
        ordered = f"{_CHECKPOINTS} ORDER BY log_no, topic, partition, last_offset, chain"
        return [Checkpoint(*row) for row in self.rows(ordered)]

    def leaves(self, place: Place, first: int) -> Iterator[Leaf]:
        """What the chain takes of each coordinate from `first` on, by offset."""
        if place == REGISTRY:
            events = ((number, moment, digest) for number, moment, digest in self.rows(_REGISTRY) if number >= first)
            return registry_leaves(events)
        rows = (
            Row(*values)
            for page in self.pages(place, first, _LEAF_COLUMNS)
            for values in zip(*(page.column(name).to_pylist() for name in Row._fields), strict=True)
        )
        return leaves(rows)

    def counts(self) -> dict[Place, int]:
        """How many rows are stored of each partition."""
        return {(log_no, topic, partition): count for log_no, topic, partition, count in self.rows(_COUNTS)}

    def erased(self) -> dict[Place, frozenset[int]]:
        """The offsets that the ledger of erasures names, by partition."""
        found = self.rows(_ERASED)
        return {(log_no, topic, partition): frozenset(offsets) for log_no, topic, partition, offsets in found}

    def records(self, place: Place) -> Iterator[list[Record]]:
        """All rows of a partition by offset, page by page; the rows of a coordinate are on one page."""
        for page in self.pages(place, 0, _RECORD_COLUMNS):
            yield list(map(Record._make, zip(*(page.column(name).to_pylist() for name in Record._fields), strict=True)))

    def baselines(self) -> list[dict[str, Any]]:
        """All rows of `baselines`."""
        return self._columns("baseline_versions", BASELINE_COLUMNS)

    def authorities(self) -> list[dict[str, Any]]:
        """All rows of `authorities`."""
        return self._columns("authority_versions", AUTHORITY_COLUMNS)

    def _columns(self, view: str, names: Sequence[str]) -> list[dict[str, Any]]:
        with translated():
            table = self.client.query_arrow(f"SELECT {', '.join(names)} FROM {view}", use_strings=False)
        columns = [_texts(table.column(name)) for name in names]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]

    def pages(self, place: Place, first: int, columns: str) -> Iterator[pa.Table]:
        """All rows of a partition from offset `first` on, by offset; the rows of a coordinate are on one page."""
        most = self.page_rows
        while True:
            page = self._page(place, first, columns, most)
            if page.num_rows < most:
                yield page
                return
            last = page.column("offset")[-1].as_py()
            whole = page.filter(pc.less(page.column("offset"), last))
            if whole.num_rows:
                yield whole
                first = last
            else:  # one coordinate fills the page
                most *= 2

    def _page(self, place: Place, first: int, columns: str, most: int) -> pa.Table:
        parameters = {**_of(place), "first": first, "most": most}
        with translated():
            return self.client.query_arrow(f"SELECT {columns}{_PAGE}", parameters=parameters, use_strings=False)

    def write(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Stores checkpoints: the same one twice is one row, two chains at one offset are both kept."""
        rows = [[*c.place, c.last_offset, c.chain, c.records, moment_at(c.closed_ms)] for c in checkpoints]
        with translated():
            self.client.insert("seals", rows, column_names=_COLUMNS, settings=INSERT_SETTINGS)

    def rows(self, sql: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with translated():
            result = self.client.query(sql, parameters=dict(parameters or {}), column_formats=_BINARY)
            return [tuple(row) for row in result.result_rows]


def _texts(column: pa.ChunkedArray) -> list[Any]:
    """The values of a column; texts as such, also where somebody put other bytes into them."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_fixed_size_binary(column.type):
        return values
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]


def _of(place: Place) -> dict[str, object]:
    return dict(zip(("log_no", "topic", "partition"), place, strict=True))
