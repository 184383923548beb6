"""The interface as plain HTTP clients see it."""

import json
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.integration.embedded.reaching import AUDITOR, AUDITOR_PASSWORD, WRITER, WRITER_PASSWORD, Reached, basic

ROWS = b"1\tone\n2\ttwo\n"


def test_it_is_alive_without_credentials(endpoint: Reached) -> None:
    for path, answer in (("/ping", b"Ok.\n"), ("/", b"Ok.\n")):
        response = endpoint.pool.request("GET", endpoint.url + path)
        assert (response.status, response.data) == (200, answer)
    for path in ("/livez", "/readyz"):
        assert json.loads(endpoint.pool.request("GET", endpoint.url + path).data) == {"ok": True, "problems": []}
    assert b"frigjort_endpoint_queries_total" in endpoint.pool.request("GET", endpoint.url + "/metrics").data


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        (basic(WRITER), {}),
        ({"X-ClickHouse-User": AUDITOR, "X-ClickHouse-Key": AUDITOR_PASSWORD}, {}),
        ({}, {"user": WRITER, "password": WRITER_PASSWORD}),
    ],
)
def test_three_ways_to_say_who_asks(endpoint: Reached, headers: dict[str, str], url: dict[str, Any]) -> None:
    answer = endpoint.ask("SELECT 1", as_user="", headers=headers, **url)
    assert (answer.status, answer.body) == (200, b"1\n")


@pytest.mark.parametrize(
    ("headers", "url", "status", "code"),
    [
        ({}, {}, 401, 194),
        ({"authorization": "Basic Zm9vOmJhcg=="}, {}, 403, 516),
        ({"authorization": "Basic not base64"}, {}, 403, 516),
        ({"authorization": "Bearer x"}, {}, 403, 516),
        ({"X-ClickHouse-User": WRITER, "X-ClickHouse-Key": AUDITOR_PASSWORD}, {}, 403, 516),
        ({"X-ClickHouse-User": WRITER}, {}, 403, 516),
        ({}, {"user": "default"}, 403, 516),
        ({}, {"user": AUDITOR, "password": ""}, 403, 516),
        (basic(WRITER), {"user": AUDITOR, "password": "x"}, 403, 516),
    ],
)
def test_wrong_credentials(
    endpoint: Reached, headers: dict[str, str], url: dict[str, Any], status: int, code: int
) -> None:
    answer = endpoint.ask("SELECT 1", as_user="", headers=headers, **url)
    assert (answer.status, answer.code) == (status, code)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert WRITER_PASSWORD not in answer.text


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("SELEKT 1", 400, 62),
        ("", 400, 62),
        ("SELECT * FROM nowhere", 404, 60),
        ("SELECT nothing", 404, 47),
        ("SELECT nofunction(1)", 404, 46),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT toUInt8('x')", 400, 6),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT Nonsense", 404, 73),
        ("SELECT 1 INTO OUTFILE '/tmp/frigjort-outfile'", 403, 497),
        ("SET max_threads = 1", 501, 48),
        ("USE system", 501, 48),
        ("CREATE TEMPORARY TABLE x (a Int8)", 501, 48),
        ("SELECT 1\0", 400, 62),
    ],
)
def test_typed_errors(endpoint: Reached, query: str, status: int, code: int) -> None:
    answer = endpoint.ask(query)
    assert (answer.status, answer.code) == (status, code)
    assert answer.text.startswith(f"Code: {code}. DB::")


def test_an_unknown_setting_or_database(endpoint: Reached) -> None:
    urls: list[tuple[dict[str, Any], int]] = [
        ({"no_such": "1"}, 115),
        ({"x; DROP TABLE y": "1"}, 115),
        ({"database": "no_such"}, 81),
        ({"max_threads": "many"}, 27),
    ]
    for url, code in urls:
        assert endpoint.ask("SELECT 1", **url).code == code
    assert endpoint.ask("SELECT 1", role="admin").code == 512
    assert endpoint.ask("SELECT 1", compress="1").code == 48


def test_headers(endpoint: Reached) -> None:
    answer = endpoint.ask("SELECT number FROM numbers(10)", query_id="an-id", default_format="JSONEachRow")
    assert answer.headers["X-ClickHouse-Query-Id"] == "an-id"
    assert answer.headers["X-ClickHouse-Format"] == "JSONEachRow"
    assert answer.headers["X-ClickHouse-Timezone"] == "Etc/UTC"
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("10", "10")
    assert len(answer.body.splitlines()) == 10
    assert len(endpoint.ask("SELECT 1").headers["X-ClickHouse-Query-Id"]) == 36
    assert endpoint.ask("SELECT 1", query_id="a\r\nb: c").code == 36


def test_query_in_the_url_in_the_body_and_in_both(endpoint: Reached, table: str) -> None:
    assert endpoint.ask(ROWS, query=f"INSERT INTO {table} FORMAT TSV").status == 200
    assert endpoint.ask("(3, 'three')", query=f"INSERT INTO {table} VALUES").status == 200
    assert endpoint.ask("", query=f"INSERT INTO {table} VALUES (4, 'four')").status == 200
    assert endpoint.ask("(6, 'six')", query=f"INSERT INTO {table} VALUES (5, 'five'),").status == 200
    assert endpoint.ask(None, method="GET", query=f"SELECT sum(n) FROM {table}").body == b"21\n"
    assert endpoint.ask(f" FROM {table}", query="SELECT count()").body == b"6\n"
    assert endpoint.ask(f"/* FORMAT x */ SELECT sum(n) FROM {table} -- ; FORMAT y\n;;").body == b"21\n"


def test_get_only_reads(endpoint: Reached, table: str) -> None:
    for query in (f"INSERT INTO {table} VALUES (1, 'x')", f"DROP TABLE {table}", f"INSERT INTO {table} SELECT 1, 'x'"):
        answer = endpoint.ask(None, method="GET", query=query)
        assert (answer.status, answer.code) == (500, 164)
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"0\n"


def test_settings_hold_for_one_query(endpoint: Reached) -> None:
    asking = "SELECT getSetting('max_block_size'), getSetting('max_threads')"
    assert endpoint.ask(asking, max_block_size="777", max_threads="3").body == b"777\t3\n"
    assert endpoint.ask(asking).body != b"777\t3\n"
    assert endpoint.ask(f"{asking} SETTINGS max_threads = 5", max_block_size="777").body == b"777\t5\n"


def test_parameters(endpoint: Reached) -> None:
    asking = "SELECT {n:UInt8} + 1, {s:String}, {a:Array(String)}, {d:Nullable(Date)} FORMAT JSONCompactEachRow"
    answer = endpoint.ask(asking, param_n="1", param_s="a\\tb'; --", param_a="['x','y\\'z']", param_d="\\N")
    assert json.loads(answer.body) == [2, "a\tb'; --", ["x", "y'z"], None]
    assert endpoint.ask("SELECT {n:UInt8}", param_n="x").code == 457
    assert endpoint.ask("SELECT {n:UInt8}").code == 456
    assert endpoint.ask("SELECT count() FROM {t:Identifier}", param_t="one", database="system").body == b"1\n"


def test_long_parameters_in_the_url_and_in_a_form(endpoint: Reached) -> None:
    many = "[" + ",".join(["'abcdefghij'"] * 20_000) + "]"
    assert endpoint.ask("SELECT length({a:Array(String)})", param_a=many).body == b"20000\n"
    response = endpoint.pool.request(
        "POST",
        endpoint.url,
        headers=basic(WRITER),
        fields={"query": "SELECT length({a:Array(String)})", "param_a": many},
    )
    assert response.data == b"20000\n"
    refused = endpoint.pool.request(
        "POST", endpoint.url, headers=basic(WRITER), fields={"query": "SELECT 1", "t": ("t.tsv", "1\n")}
    )
    assert refused.headers["X-ClickHouse-Exception-Code"] == "48"


def test_curl_and_urllib(endpoint: Reached) -> None:
    done = endpoint.curl("--compressed", endpoint.url, "--data-binary", "SELECT 'å', number FROM numbers(2)")
    assert done.stdout.decode() == "å\t0\nå\t1\n"
    request = Request(endpoint.url, data=b"SELECT 1 FORMAT JSON", headers=basic(AUDITOR))
    with urlopen(request, timeout=20) as response:
        assert json.load(response)["data"] == [{"1": 1}]


@pytest.mark.parametrize(
    "output_format",
    ["JSON", "JSONCompact", "CSVWithNames", "TabSeparatedWithNamesAndTypes", "Arrow", "ArrowStream", "Parquet", "ORC",
     "Native", "RowBinaryWithNamesAndTypes", "Values", "Vertical", "XML", "Null", "PrettyCompact", "Avro"],
)  # fmt: skip
def test_any_format_is_one_document(endpoint: Reached, output_format: str) -> None:
    asked = endpoint.ask(f"SELECT number AS n, toString(number) AS s FROM numbers(200000) FORMAT {output_format}")
    assert asked.status == 200
    if output_format == "JSON":
        assert json.loads(asked.body)["rows"] == 200_000
    if output_format == "CSVWithNames":
        assert asked.body.count(b'"n","s"') == 1
    if output_format == "Null":
        assert asked.body == b""


def test_other_statements(endpoint: Reached, table: str) -> None:
    assert endpoint.ask(f"DESCRIBE TABLE {table}").body.startswith(b"n\tUInt64")
    assert endpoint.ask(f"EXISTS TABLE {table}").body == b"1\n"
    assert json.loads(endpoint.ask(f"EXISTS TABLE {table} FORMAT JSON").body)["data"] == [{"result": 1}]
    assert f"CREATE TABLE frigjort.{table}" in endpoint.ask(f"SHOW CREATE TABLE {table}").text.replace("\\n", "\n")
    assert table in endpoint.ask("SHOW TABLES").text.split()
    assert "Read" in endpoint.ask(f"EXPLAIN SELECT * FROM {table}").text
    assert endpoint.ask(f"INSERT INTO {table} SELECT number, 'x' FROM numbers(5)").status == 200
    created = endpoint.ask(f"ALTER TABLE {table} ADD COLUMN more Int8")
    assert (created.status, created.body, "X-ClickHouse-Format" in created.headers) == (200, b"", False)
    assert endpoint.ask(f"SELECT sum(n), any(more) FROM {table}").body == b"10\t0\n"


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("SELECT 1 AS format", "1\n"),
        ("SELECT format FROM (SELECT 2 AS format)", "2\n"),
        ("SELECT t.format AS x FROM (SELECT 2 AS format) AS t", "2\n"),
        ("SELECT 1 AS a FORMAT JSONEachRow SETTINGS max_threads = 1", '{"a":1}\n'),
        ("SELECT 1 AS a SETTINGS max_threads = 1 FORMAT JSONEachRow", '{"a":1}\n'),
        ("SELECT 'FORMAT CSV' AS a FORMAT `JSONEachRow`;", '{"a":"FORMAT CSV"}\n'),
        ("SELECT a FROM (SELECT 'å' AS a) /* FORMAT CSV */ FORMAT JSONEachRow -- FORMAT CSV", '{"a":"å"}\n'),
        ("(SELECT 1 AS a) UNION ALL (SELECT 1) FORMAT CSV", "1\n1\n"),
        ("WITH x AS (SELECT 1 AS a) SELECT a FROM x LIMIT 1 WITH TIES FORMAT CSV", None),
        ("SHOW DATABASES LIKE 'frigjort' FORMAT JSONEachRow", '{"name":"frigjort"}\n'),
        ("EXPLAIN AST SELECT 1 FORMAT JSONEachRow", None),
    ],
)
def test_where_the_format_stands(endpoint: Reached, query: str, answer: str | None) -> None:
    found = endpoint.ask(query)
    if answer is not None:
        assert found.text == answer
    else:
        assert "INTO OUTFILE" not in found.text
