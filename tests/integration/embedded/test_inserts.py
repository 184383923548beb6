"""Inserts: any format, whole or not at all, and never a statement in the data."""

import json
import socket
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from services.embedded.endpoint.errors import QueryError
from services.embedded.endpoint.statements import insert_in
from tests.integration.embedded.reaching import AUDITOR, Reached, basic


def _arrow(table: pa.Table, *, stream: bool = False, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written


_TABLE = pa.table({"n": pa.array([1, 2], pa.uint64()), "s": ["one", "a\n\nDROP TABLE victim;\n"]})
_BODIES = {
    "TSV": b"1\tone\n2\ta\\n\\nDROP TABLE victim;\\n\n",
    "JSONEachRow": b'{"n": 1, "s": "one"}\n\n\n{"n": 2, "s": "a\\n\\nDROP TABLE victim;\\n"}\n',
    "CSV": b'1,one\n2,"a\n\nDROP TABLE victim;\n"\n',
    "Values": b"(1, 'one'),\n\n(2, 'a\n\nDROP TABLE victim;\n')",
    "Arrow": _arrow(_TABLE),
    "ArrowStream": _arrow(_TABLE, stream=True),
    "RowBinary": b"\1" + bytes(7) + b"\3one" + b"\2" + bytes(7) + b"\x16a\n\nDROP TABLE victim;\n",
}


@pytest.mark.parametrize("in_url", [False, True])
@pytest.mark.parametrize("input_format", sorted(_BODIES))
def test_data_are_data(endpoint: Reached, table: str, input_format: str, in_url: bool) -> None:
    """An empty line ends the data of an insert for the engine's own client, which then runs the rest as statements."""
    endpoint.ask("CREATE TABLE IF NOT EXISTS victim (n Int8) ENGINE = Memory")
    statement = f"INSERT INTO {table} (n, s) " + ("VALUES" if input_format == "Values" else f"FORMAT {input_format}")
    body = _BODIES[input_format]
    answer = endpoint.ask(body, query=statement) if in_url else endpoint.ask(statement.encode() + b"\n" + body)
    assert answer.status == 200, answer.text
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    stored = endpoint.ask(f"SELECT groupArray(s) FROM (SELECT * FROM {table} ORDER BY n) FORMAT JSONCompactEachRow")
    assert json.loads(stored.body) == [["one", "a\n\nDROP TABLE victim;\n"]]
    assert endpoint.ask("EXISTS TABLE victim").body == b"1\n"


def test_native_blocks_with_every_byte(endpoint: Reached, table: str) -> None:
    source = (
        "SELECT number AS n, toString(cityHash64(number)) || char(number % 256, 10, 10, 59) AS s FROM numbers(200000)"
    )
    native = endpoint.ask(f"{source} FORMAT Native").body
    assert endpoint.ask(native, query=f"INSERT INTO {table} FORMAT Native").status == 200
    for rows in (f"SELECT n, s FROM {table}", source):
        digest = endpoint.ask(f"SELECT count(), sum(cityHash64(n, s)) FROM ({rows})").body
        assert digest.startswith(b"200000\t")
    first, second = (
        endpoint.ask(f"SELECT sum(cityHash64(n, s)) FROM ({r})").body for r in (f"SELECT n, s FROM {table}", source)
    )
    assert first == second


def test_an_insert_larger_than_a_piece(endpoint: Reached, table: str) -> None:
    """Read in several pieces, decoded piece by piece, stored once."""
    rows = b"".join(b"%d\t%s\n" % (n, b"x" * 90) for n in range(300_000))
    answer = endpoint.ask(rows, query=f"INSERT INTO {table} FORMAT TSV")
    assert answer.status == 200, answer.text
    assert (
        endpoint.ask(f"SELECT count(), uniqExact(n), sum(length(s)) FROM {table}").body == b"300000\t300000\t27000000\n"
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"1\tone\nx\ttwo\n", 27),
        (b"1\n", 27),
        (b"1\tone\n\n\n2\ttwo\n", 27),
    ],
)
def test_a_wrong_row_inserts_nothing(endpoint: Reached, table: str, body: bytes, code: int) -> None:
    answer = endpoint.ask(body, query=f"INSERT INTO {table} FORMAT TSV")
    assert (answer.status, answer.code) == (400, code)
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"


@pytest.mark.parametrize("cut", [1, 100, 2_000])
@pytest.mark.parametrize("input_format", ["Native", "Arrow", "ArrowStream"])
def test_a_cut_body_inserts_nothing(endpoint: Reached, table: str, input_format: str, cut: int) -> None:
    whole = endpoint.ask(f"SELECT number AS n, hex(number) AS s FROM numbers(20000) FORMAT {input_format}").body
    answer = endpoint.ask(
        whole[:-cut] if cut > 8 else whole[: len(whole) // 2], query=f"INSERT INTO {table} FORMAT {input_format}"
    )
    assert answer.status >= 400
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_client_that_is_cut_off_inserts_nothing(endpoint: Reached, table: str, chunked: bool) -> None:
    body = endpoint.ask("SELECT number AS n, hex(number) AS s FROM numbers(20000) FORMAT Native").body
    host, port = endpoint.url.removeprefix("http://").split(":")
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    sent = f"{len(body):x}\r\n".encode() + body + b"\r\n" if chunked else body[:-1]  # only the last chunk is missing
    head = (
        f"POST /?query=INSERT%20INTO%20{table}%20FORMAT%20Native HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: {basic('frigjort_writer')['authorization']}\r\n{length}\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + sent)
        time.sleep(0.3)
    time.sleep(0.3)
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"
    assert endpoint.ask(body, query=f"INSERT INTO {table} FORMAT Native").status == 200
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"20000\n"


def test_the_auditor_inserts_nothing(endpoint: Reached, table: str) -> None:
    for statement in (
        f"INSERT INTO {table} VALUES (1, 'x')",
        f"INSERT INTO {table} FORMAT TSV\n1\tx",
        f"INSERT INTO {table} SELECT 1, 'x'",
    ):
        answer = endpoint.ask(statement, as_user=AUDITOR)
        assert (answer.status, answer.code) == (500, 164)
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"


def test_settings_and_names_in_the_statement(endpoint: Reached, table: str) -> None:
    head = f"insert /* FORMAT x */ into table frigjort.`{table}` (`s`, n) settings async_insert=0 format TSV -- no comment\n"
    wrong = endpoint.ask(head + "x\t1\n")
    assert wrong.status == 400  # what follows the format's name is data, as on a server
    assert endpoint.ask(head.replace(" -- no comment", "") + "x\t1\n").status == 200
    assert endpoint.ask(f"INSERT INTO {table} VALUES ({{n:UInt64}}, 'p')", param_n="7").status == 200
    assert endpoint.ask(f"SELECT n, s FROM {table} ORDER BY n").body == b"1\tx\n7\tp\n"
    assert endpoint.ask("1\tx\n", query=f"INSERT INTO {table} FROM INFILE '/etc/passwd' FORMAT TSV").code == 48
    for more in (f"DROP TABLE {table}", "(2, 'y')", f"\n\nINSERT INTO {table} VALUES (2, 'y');"):
        assert endpoint.ask(f"INSERT INTO {table} VALUES (1, ';a''b\\'c'); {more}").code == 62
    assert endpoint.ask(f"INSERT INTO {table} VALUES (8, ';x''y\\';z'); ; \n").status == 200
    assert endpoint.ask(f"SELECT s FROM {table} WHERE n NOT IN (1, 7)").body == b";x\\'y\\';z\n"
    assert endpoint.ask("1\tx\n", query="INSERT INTO nowhere FORMAT TSV").code == 60
    assert endpoint.ask("1\tx\n", query=f"INSERT INTO {table} FORMAT Nonsense").code == 73


def test_times_are_utc(endpoint: Reached, table: str) -> None:
    client = endpoint.client()
    client.command(f"CREATE TABLE {table}_time (t DateTime, u DateTime64(3, 'UTC')) ENGINE = Memory")
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    client.insert(f"{table}_time", [[now, now]], column_names=["t", "u"])
    assert endpoint.ask(f"SELECT t, u, timezone() FROM {table}_time").body == (
        b"2026-07-01 12:00:00\t2026-07-01 12:00:00.000\tEtc/UTC\n"
    )
    client.close()


@pytest.mark.parametrize(
    ("text", "statement", "input_format", "data"),
    [
        (b"INSERT INTO t VALUES (1)", "INSERT INTO t ", "Values", b" (1)"),
        (b"insert into t format TSV\n1", "insert into t ", "TSV", b"1"),
        (b"INSERT INTO t FORMAT Native \r\n\0\n", "INSERT INTO t ", "Native", b"\0\n"),
        (b"INSERT INTO t FORMAT JSONEachRow {}", "INSERT INTO t ", "JSONEachRow", b"{}"),
        (b"-- FORMAT x\nINSERT INTO `a format b`.values (format, `values`) FORMAT CSV\n\n1",
         "-- FORMAT x\nINSERT INTO `a format b`.values (format, `values`) ", "CSV", b"\n1"),
        (b"INSERT INTO FUNCTION null('x FORMAT y') SETTINGS a='VALUES' VALUES(1)",
         "INSERT INTO FUNCTION null('x FORMAT y') SETTINGS a='VALUES' ", "Values", b"(1)"),
        (b"INSERT INTO format.t FORMAT TSV\n", "INSERT INTO format.t ", "TSV", b""),
    ],
)  # fmt: skip
def test_where_the_statement_ends(text: bytes, statement: str, input_format: str, data: bytes) -> None:
    found = insert_in(text)
    assert found is not None
    assert (found.statement, found.input_format, found.data) == (statement, input_format, data)


@pytest.mark.parametrize(
    "text",
    [b"SELECT 1 FORMAT TSV", b"INSERT INTO t SELECT 1 FORMAT x", b"INSERT INTO t WITH 1 AS x SELECT x", b"", b"/*"],
)
def test_what_is_no_insert_with_data(text: bytes) -> None:
    assert insert_in(text) is None


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t; DROP TABLE t", b"INSERT INTO t FORMAT ", b"INSERT INTO \xff VALUES", b"INSERT INTO t\0 VALUES"],
)
def test_what_is_no_insert_at_all(text: bytes) -> None:
    with pytest.raises(QueryError):
        insert_in(text)
