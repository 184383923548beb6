"""Results on their way: bounded memory, errors that cannot be overlooked, and queries that end with their client."""

import http.client
import json
import socket
import time
from collections.abc import Iterator

import psutil
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from tests.integration.embedded.reaching import AUDITOR, Reached, basic

MILLION = 1_000_000


def _pieces(endpoint: Reached, query: str, **url: str) -> Iterator[bytes]:
    response = endpoint.pool.request(
        "POST",
        endpoint.url,
        body=query.encode(),
        headers=basic(AUDITOR),
        fields=None,
        preload_content=False,
        decode_content=False,
    )
    assert response.status == 200
    assert url == {}
    yield from response.stream(MILLION)
    response.release_conn()


@pytest.mark.parametrize("output_format", ["TSV", "Native", "JSONEachRow", "ArrowStream", "JSON"])
def test_ten_million_rows_in_bounded_memory(endpoint: Reached, output_format: str) -> None:
    process = psutil.Process(endpoint.process.pid)
    query = f"SELECT number AS n, number * 7919 AS m FROM numbers({10 * MILLION}) FORMAT {output_format}"
    before = process.memory_info().rss
    highest, received, ends = before, 0, b""
    for number, piece in enumerate(_pieces(endpoint, query)):
        received += len(piece)
        ends = (ends + piece)[-200:]
        if number % 16 == 0:
            highest = max(highest, process.memory_info().rss)
    assert received > 80 * MILLION
    assert highest - before < received * 0.9
    assert highest - before < 250 * MILLION, f"{(highest - before) / MILLION:.0f} MB"
    if output_format == "TSV":
        assert ends.endswith(b"9999999\t79189992081\n")


def test_a_client_that_reads_slowly_is_waited_for(endpoint: Reached) -> None:
    process = psutil.Process(endpoint.process.pid)
    pieces = _pieces(endpoint, f"SELECT number FROM numbers({50 * MILLION})")
    next(pieces)
    before = process.memory_info().rss
    for _ in range(5):
        time.sleep(0.2)
        next(pieces)
    assert process.memory_info().rss - before < 100 * MILLION
    pieces.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("encoding", ["", "lz4", "zstd", "gzip"])
@pytest.mark.parametrize("rows", [100, 20 * MILLION])
def test_an_error_after_the_first_byte_is_told(endpoint: Reached, rows: int, encoding: str) -> None:
    query = f"SELECT throwIf(number = {rows - 1}, 'too far') FROM numbers({rows}) SETTINGS max_block_size = 65409"
    host = endpoint.url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=60)
    connection.request("POST", "/", query.encode(), {**basic(AUDITOR), "Accept-Encoding": encoding})
    response = connection.getresponse()
    if rows == 100:  # nothing was sent: an error like any other
        assert response.status == 500
        assert response.getheader("X-ClickHouse-Exception-Code") == "395"
        assert b"too far" in response.read()
        connection.close()
        return
    assert response.status == 200
    tag = response.getheader("X-ClickHouse-Exception-Tag")
    with pytest.raises(http.client.IncompleteRead) as cut:
        response.read()
    assert tag is not None
    if not encoding:
        end = cut.value.partial[-600:]
        assert end.endswith(f" {tag}\r\n__exception__\r\n".encode())
        assert f"__exception__\r\n{tag}\r\nCode: 395.".encode() in end
    connection.close()


def test_the_official_client_raises_what_went_wrong_in_the_middle(endpoint: Reached) -> None:
    client = endpoint.client(AUDITOR)
    query = f"SELECT number, throwIf(number = {20 * MILLION - 1}, 'too far') FROM numbers({20 * MILLION})"
    with pytest.raises(ClickHouseError, match="too far"), client.query_row_block_stream(query) as stream:
        for _ in stream:
            pass
    client.close()


def test_wait_end_of_query_knows_the_end_before_the_beginning(endpoint: Reached) -> None:
    rows = 3 * MILLION
    whole = endpoint.ask(f"SELECT number FROM numbers({rows})", wait_end_of_query="1")
    assert whole.body.count(b"\n") == rows
    assert json.loads(whole.headers["X-ClickHouse-Summary"])["read_rows"] == str(rows)
    failed = endpoint.ask(f"SELECT throwIf(number = {rows - 1}) FROM numbers({rows})", wait_end_of_query="1")
    assert (failed.status, failed.code) == (500, 395)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT number FROM numbers(100000000000)",
        "SELECT count() FROM numbers(100000000000000) WHERE cityHash64(number) = 1",
    ],
)
@pytest.mark.parametrize("waits", [False, True])
def test_a_query_ends_with_its_client(endpoint: Reached, query: str, waits: bool) -> None:
    host, port = endpoint.url.removeprefix("http://").split(":")
    head = f"POST / HTTP/1.1\r\nHost: {host}\r\nAuthorization: {basic(AUDITOR)['authorization']}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(query)}\r\n\r\n{query}".encode())
        if waits:
            _wait_for(endpoint, query, running=1)
    _wait_for(endpoint, query, running=0)


def _wait_for(endpoint: Reached, query: str, running: int) -> None:
    """Until it runs, or does not run, in the engine."""
    for _ in range(100):
        found = endpoint.ask("SELECT count() FROM system.processes WHERE startsWith(query, {q:String})", param_q=query)
        if found.body == f"{running}\n".encode():
            return
        time.sleep(0.05)
    raise AssertionError(endpoint.ask("SELECT query FROM system.processes").text)
