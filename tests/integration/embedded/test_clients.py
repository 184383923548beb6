"""The official client as it is: it must not notice that no ClickHouse server answers."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import clickhouse_connect
import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.integration.embedded.reaching import AUDITOR, AUDITOR_PASSWORD, WRITER, Reached

NOW = datetime(2026, 11, 24, 12, 30, 15, 250_000, tzinfo=UTC)
ROWS = [[1, "æøå\n\n;", NOW, None, [1, 2], Decimal("1.50")], [2, "", NOW, 7, [], Decimal("-2.25")]]
COLUMNS = ["n", "s", "t", "o", "a", "d"]


@pytest.fixture
def wide(endpoint: Reached, table: str) -> str:
    """An empty table with a column of each kind that the project uses."""
    made = endpoint.ask(
        f"CREATE TABLE {table}_wide (n UInt64, s LowCardinality(String), t DateTime64(3, 'UTC'), o Nullable(Int64),"
        " a Array(UInt8), d Decimal(9, 2)) ENGINE = MergeTree ORDER BY n"
    )
    assert made.status == 200
    return f"{table}_wide"


@pytest.fixture(params=["lz4", "zstd", "gzip", False])
def client(endpoint: Reached, request: pytest.FixtureRequest) -> Any:
    with endpoint.client(compress=request.param, tz_mode="aware") as client:
        yield client


def test_rows_in_and_out(client: Client, wide: str) -> None:
    summary = client.insert(wide, ROWS, column_names=COLUMNS, settings={"async_insert": 0, "wait_end_of_query": 1})
    assert summary.written_rows == 2
    assert [list(row) for row in client.query(f"SELECT * FROM {wide} ORDER BY n").result_rows] == ROWS
    found = client.query(
        f"SELECT n FROM {wide} WHERE s = {{s:String}} AND n IN {{many:Array(UInt64)}}",
        parameters={"s": "æøå\n\n;", "many": list(range(30_000))},
        settings={"max_block_size": 100},
    )
    assert found.result_rows == [(1,)]
    assert client.query(f"SELECT n FROM {wide} LIMIT 0").column_names == ("n",)
    assert client.command(f"SELECT count() FROM {wide}") == 2
    assert client.command(f"TRUNCATE TABLE {wide}").written_rows == 0  # type: ignore[union-attr]
    assert client.command(f"SELECT count() FROM {wide}") == 0


def test_arrow_in_and_out(client: Client, wide: str) -> None:
    many = 20_000
    table = pa.table(
        {
            "n": pa.array(np.arange(many), pa.uint64()),
            "s": pa.array([f"row {n % 5}\n\n" for n in range(many)]),
            "t": pa.array([NOW] * many, pa.timestamp("ms", "UTC")),
            "o": pa.array([None, 1] * (many // 2), pa.int64()),
        }
    )
    assert client.insert_arrow(wide, table, settings={"optimize_on_insert": 0}).written_rows == many
    back = client.query_arrow(f"SELECT n, s, t, o FROM {wide} ORDER BY n", use_strings=True)
    assert back.num_rows == many
    assert back.column("s").to_pylist() == table.column("s").to_pylist()
    assert back.column("o").null_count == many // 2
    with client.query_arrow_stream(f"SELECT n FROM {wide}") as stream:
        assert sum(batch.num_rows for batch in stream) == many


def test_streams(client: Client) -> None:
    rows = 0
    with client.query_rows_stream("SELECT number, toString(number) FROM numbers(500000)") as stream:
        for row in stream:
            assert row == (rows, str(rows))
            rows += 1
    assert rows == 500_000
    with client.query_column_block_stream("SELECT number FROM numbers(500000)") as blocks:
        assert sum(len(block[0]) for block in blocks) == 500_000
    with client.raw_stream("SELECT number FROM numbers(500000)", fmt="CSV") as raw:
        assert raw.read().count(b"\n") == 500_000


def test_errors_have_their_codes(client: Client, wide: str) -> None:
    for query, code in (("SELECT * FROM nowhere", 60), ("SELECT x", 47), ("SELEC 1", 62)):
        with pytest.raises(DatabaseError) as raised:
            client.query(query)
        assert raised.value.code == code
    with pytest.raises(DatabaseError) as raised:
        client.insert("nowhere", [[1]], column_names=["n"], column_type_names=["UInt8"])
    assert raised.value.code == 60
    with pytest.raises(DatabaseError):
        client.raw_insert(wide, ["n"], b'{"n": "x"}\n', fmt="JSONEachRow")


def test_the_auditor_reads_with_it(endpoint: Reached, table: str, view: str) -> None:
    with endpoint.client(AUDITOR) as client:
        assert client.query(f"SELECT count() FROM {view}", settings={"max_threads": 2}).result_rows == [(0,)]
        assert client.query_arrow("SELECT number FROM numbers(10)").num_rows == 10
        assert client.query("SHOW TABLES").row_count > 0
        for forbidden in (f"DROP TABLE {table}", f"INSERT INTO {table} VALUES (1, 'x')"):
            with pytest.raises(DatabaseError) as raised:
                client.command(forbidden)
            assert raised.value.code == 164
        with pytest.raises(DatabaseError) as raised:
            client.insert(table, [[1, "x"]], column_names=["n", "s"], column_type_names=["UInt64", "String"])
        assert raised.value.code == 164


def test_sessions_are_not_needed(endpoint: Reached) -> None:
    """The client makes a session id of its own unless it is told not to."""
    with endpoint.client(autogenerate_session_id=True) as first:
        assert first.command("SELECT 1") == 1


def test_wrong_password(endpoint: Reached) -> None:
    with pytest.raises(DatabaseError) as raised:
        clickhouse_connect.get_client(dsn=endpoint.url, username=WRITER, password=AUDITOR_PASSWORD)
    assert raised.value.code == 516
