"""The edge to ClickHouse: the tables of a bundle, as an auditor may read them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from services.audit.bundle import queries
from services.audit.seals.clickhouse import SealStore
from services.domain.accounts import Place
from services.runtime.clickhouse import translated
from services.runtime.errors import Halt

_AS_BYTES: Final = frozenset({"digest", "leaf", "chain", "salt"})


@dataclass(frozen=True, slots=True)
class BundleStore:
    """Raises `Retry` or `Halt`."""

    client: Client

    def ends(self) -> dict[Place, int]:
        """The highest stored offset of each partition."""
        with translated():
            rows = self.client.query(queries.ENDS).result_rows
        return {(log_no, topic, partition): offset for log_no, topic, partition, offset in rows}

    def records(self, place: Place) -> Iterator[pa.Table]:
        """All rows of a partition, by offset, page by page."""
        for page in SealStore(self.client).pages(place, 0, queries.RECORD_COLUMNS):
            yield _typed(page, _AS_BYTES | {"payload"})

    def table(self, sql: str, topics: Sequence[str], authorities: Sequence[str]) -> pa.Table:
        """The whole answer to one of the queries."""
        wanted = {"topics": sorted(topics), "authorities": sorted(authorities)}
        parameters = {name: values for name, values in wanted.items() if f"{{{name}:" in sql}
        with translated():
            found = self.client.query_arrow(sql, parameters=parameters, use_strings=False)
        return _typed(found, _AS_BYTES)


def _typed(table: pa.Table, as_bytes: frozenset[str]) -> pa.Table:
    """Texts as such, and bytes as such whatever their length. Raises `Halt` where a text is none."""
    columns = []
    for name in table.column_names:
        column = table.column(name)
        if name in as_bytes:
            column = column.cast(pa.binary())
        elif pa.types.is_binary(column.type) or pa.types.is_dictionary(column.type):
            try:
                column = column.cast(pa.string())
            except pa.ArrowInvalid as error:
                raise Halt(
                    "the bundle", f"column {name} holds bytes that are no text", "`frigjort audit verify`"
                ) from error
        columns.append(column)
    return pa.table(columns, names=table.column_names)
