"""The auditor reads and nothing else: each way around that which somebody may try is refused, and reading still works."""

import re
from pathlib import Path
from typing import Any

import pytest

from services.embedded.endpoint import allowed
from tests.integration.embedded.attacks import BASE_TABLES, FILES, HOSTS, OTHER, TABLES, WRITES
from tests.integration.embedded.reaching import AUDITOR, Reached

MIGRATIONS = Path(__file__).resolve().parents[3] / "deploy" / "clickhouse" / "migrations"


@pytest.fixture(scope="module", autouse=True)
def subject(endpoint: Reached) -> None:
    """What the auditor is after: his view and its table must survive; other tables and another database stay unread."""
    for statement in (
        "DROP DATABASE IF EXISTS other",
        *(f"DROP TABLE IF EXISTS {name}" for name in ("subject", "subjects", "secret_feed", "secrets", "secret_join")),
        "DROP DICTIONARY IF EXISTS secret_dictionary",
        "CREATE TABLE subjects (n Int8, salt String) ENGINE = MergeTree ORDER BY n",
        "INSERT INTO subjects SELECT 1, 'top secret'",
        "CREATE VIEW subject DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n FROM subjects",
        "DROP VIEW IF EXISTS subject_from",
        "CREATE VIEW subject_from DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT n FROM subjects WHERE n >= {least:Int8}",
        "CREATE TABLE secrets (n Int8, salt String) ENGINE = MergeTree ORDER BY n",
        "CREATE MATERIALIZED VIEW secret_feed ENGINE = MergeTree ORDER BY n AS SELECT n, salt FROM secrets",
        "INSERT INTO secrets SELECT 1, 'top secret'",
        "CREATE TABLE secret_join (n Int8, salt String) ENGINE = Join(ANY, LEFT, n)",
        "INSERT INTO secret_join SELECT 1, 'top secret'",
        "CREATE DICTIONARY secret_dictionary (n UInt64, salt String) PRIMARY KEY n SOURCE(CLICKHOUSE(TABLE 'secrets')) LAYOUT(FLAT()) LIFETIME(0)",
        "CREATE DATABASE other",
        "CREATE TABLE other.secret (n Int8, s String) ENGINE = MergeTree ORDER BY n",
        "INSERT INTO other.secret SELECT 42, 'top secret'",
        "CREATE VIEW other.secret_from AS SELECT s FROM other.secret WHERE n >= {least:Int8}",
        "CREATE TABLE other.j (n Int8, s String) ENGINE = Join(ANY, LEFT, n)",
        "CREATE DICTIONARY other.d (n UInt64, s String) PRIMARY KEY n SOURCE(NULL()) LAYOUT(FLAT()) LIFETIME(0)",
    ):
        assert endpoint.ask(statement).status == 200, statement


@pytest.fixture(scope="module")
def schema(endpoint: Reached) -> None:
    """The tables and views of the migrations, without rows."""
    for file in sorted(MIGRATIONS.glob("*.sql")):
        statements = re.split(r";\s*\n", re.sub(r"^--.*$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
        for statement in statements:
            if statement.strip() and not statement.strip().startswith("INSERT"):
                assert endpoint.ask(statement).status == 200, statement


@pytest.mark.parametrize("attack", [*WRITES, *FILES, *HOSTS, *TABLES, *BASE_TABLES, *OTHER])
@pytest.mark.parametrize("in_url", [False, True])
def test_refused(endpoint: Reached, attack: str, in_url: bool) -> None:
    url: dict[str, Any] = {"param_d": "other", "param_t": "secret", "param_base": "secrets"}
    if in_url:
        answer = endpoint.ask(None, as_user=AUDITOR, method="GET", query=attack, **url)
    else:
        answer = endpoint.ask(attack, as_user=AUDITOR, **url)
    assert answer.code in {497, 164, 62, 48, 456}, f"{answer.status} {answer.text[:200]}"
    assert answer.status in ({500} if answer.code == 164 else {403, 400, 501, 404})
    assert not re.search(r"root:|top secret|Connection refused|vm\b", answer.text)


@pytest.mark.parametrize(
    "query", ["SELECT * FROM `other.secret`", "SELECT 1 IN `other.secret`", "DESCRIBE `other.secret`"]
)
def test_a_name_with_a_dot_is_one_name(endpoint: Reached, query: str) -> None:
    assert endpoint.ask(query, as_user=AUDITOR).code in {60, 47}


def test_nothing_came_of_it(endpoint: Reached) -> None:
    assert endpoint.ask("SELECT count() FROM subject").body == b"1\n"
    assert endpoint.ask("SELECT count() FROM secrets").body == b"1\n"
    assert endpoint.ask("SELECT count() FROM other.secret").body == b"1\n"
    assert not [
        path for path in Path("/tmp").glob("frigjort-*") if path.name in {"frigjort-outfile", "frigjort-schema"}
    ]


@pytest.mark.parametrize(
    "url",
    [
        {"readonly": "0"},
        {"allow_ddl": "1"},
        {"output_format_schema": "/tmp/x"},
        {"format_schema": "x"},
        {"max_execution_time": "100000"},
        {"max_memory_usage": "0"},
        {"max_threads": "100000"},
        {"max_threads": "٣"},
        {"enable_analyzer": "0"},
        {"dialect": "prql"},
        {"additional_table_filters": "{}"},
        {"http_response_headers": "{}"},
        {"database": "system"},
        {"database": "other"},
        {"database": "frigjort`.`x"},
        {"role": "x"},
    ],
)
def test_refused_settings_and_databases(endpoint: Reached, url: dict[str, Any]) -> None:
    assert endpoint.ask("SELECT 1", as_user=AUDITOR, **url).status == 403
    if "database" in url:
        assert (
            endpoint.ask("SELECT 1", as_user=AUDITOR, headers={"X-ClickHouse-Database": url["database"]}).status == 403
        )


def test_the_engine_refuses_too(endpoint: Reached) -> None:
    """The second wall by itself: what the writer's GET leaves, `readonly`, holds back writes without any of the lists."""
    assert endpoint.ask(None, method="GET", query="CREATE TABLE x (a Int8) ENGINE = Memory").code == 164
    assert endpoint.ask("SELECT getSetting('readonly')", as_user=AUDITOR).body == b"1\n"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT n FROM subject",
        "SELECT n FROM subject WHERE (n = 1 OR {p:UInt8} = 2)",
        "SELECT n FROM subject WHERE ((n)) HAVING (n > 0 AND (n < 9)) ORDER BY (n)",
        "SELECT n FROM frigjort.subject AS s WHERE s.n IN (SELECT n FROM subject) AND n IN subject",
        "WITH x AS (SELECT n FROM subject) SELECT sum(n) AS total, x.n FROM x GROUP BY x.n HAVING total > 0 ORDER BY 1 LIMIT 1 BY n",
        "SELECT quantilesTDigestIf(0.5, 0.9)(n, n > 0), sumOrNull(n), SUM(n), Count(*), countDistinct(n) FROM subject",
        "SELECT row_number() OVER (PARTITION BY n ORDER BY n), lagInFrame(n) OVER w FROM subject WINDOW w AS (ORDER BY n)",
        "SELECT CASE WHEN n = 1 THEN 'a' ELSE 'b' END, CAST(n AS String), n::Float64, n BETWEEN 1 AND 2, if(n = 1, 1, 2) FROM subject",
        "SELECT toStartOfMonth(now()) - INTERVAL 1 MONTH < today(), dateDiff('day', toDate('2026-01-01'), toDate('2026-02-01'))",
        "SELECT arrayMap(x -> x + 1, groupArray(n)), arraySum([1, 2]), {p:UInt8}, [1][1], (1, 2).1, map('a', 1)['a'] FROM subject",
        "SELECT * EXCEPT (n), * APPLY(toString), * REPLACE (n + 1 AS n) FROM subject",
        "SELECT a.n, b.n FROM subject AS a LEFT JOIN subject AS b USING (n) ARRAY JOIN [1, 2] AS c",
        "SELECT * FROM numbers(3) UNION ALL SELECT n FROM subject",
        "SELECT 1 INTERSECT SELECT 1",
        "SELECT * FROM subject SETTINGS max_threads = 2, final = 1",
        "SELECT n FROM subject SETTINGS output_format_json_quote_64bit_integers = 0 FORMAT JSON",
        "SELECT * FROM values('a Int8, b String', (1, 'x'))",
        "SELECT * FROM generateSeries(1, 3)",
        "SELECT number FROM numbers(2) ORDER BY number WITH FILL FROM 0 TO 5",
        "SELECT name FROM system.tables WHERE database = 'frigjort'",
        "SELECT name, type FROM system.columns LIMIT 1",
        "SELECT count() FROM information_schema.tables",
        "SELECT count() FROM INFORMATION_SCHEMA.COLUMNS",
        "SELECT count() FROM frigjort_log.query_log",
        "SELECT version(), currentDatabase(), currentUser(), timezone(), hostName(), uptime()",
        "SHOW TABLES",
        "SHOW TABLES FROM frigjort LIKE 's%'",
        "SHOW DATABASES",
        "SHOW COLUMNS FROM subject",
        "SHOW CREATE TABLE subject",
        "DESCRIBE TABLE subject FORMAT JSON",
        "DESC (SELECT 1 AS x)",
        "EXISTS subject",
        "EXPLAIN SELECT n FROM subject",
        "EXPLAIN indexes = 1 SELECT n FROM subject WHERE n = 1",
        "EXPLAIN AST SELECT n FROM subject",
        "EXPLAIN QUERY TREE SELECT n FROM subject",
        "EXPLAIN SYNTAX SELECT n FROM subject",
        "EXPLAIN PIPELINE SELECT n FROM subject",
        "SELECT 1 FROM subject -- a comment; DROP TABLE subject",
        "SELECT 'file(''/etc/passwd''); DROP TABLE subject', 1 AS `url('x')` /* INTO OUTFILE 'x' */",
        "(SELECT 1)",
        "FROM subject SELECT n",
        "SELECT n FROM subject_from(least = 1) WHERE n < 5",
        "SELECT n FROM frigjort.subject_from(least = (SELECT min(n) FROM subject)) AS s INNER JOIN subject_from(least = {p:Int8}) USING (n)",
        "DESCRIBE TABLE subject_from(least = 1)",
        "SELECT cityHash64(n, 'x'), hex(SHA256('a')), JSONExtractInt('{\"a\": 1}', 'a'), domain('http://a.dk/b') FROM subject",
    ],
)  # fmt: skip
def test_allowed(endpoint: Reached, query: str) -> None:
    answer = endpoint.ask(query, as_user=AUDITOR, param_p="1")
    assert answer.status == 200, answer.text
    assert endpoint.ask(None, as_user=AUDITOR, method="GET", query=query, param_p="1").status == 200


def test_settings_that_do_no_harm(endpoint: Reached) -> None:
    asking = "SELECT getSetting('max_threads'), getSetting('max_execution_time') SETTINGS max_execution_time = 7"
    assert endpoint.ask(asking, as_user=AUDITOR, max_threads="3", max_block_size="5", readonly="2").body == b"3\t7\n"
    assert endpoint.ask("SELECT getSetting('max_execution_time')", as_user=AUDITOR).body == b"300\n"
    answer = endpoint.ask("SELECT currentDatabase()", as_user=AUDITOR, database="default")
    assert answer.body == b"frigjort\n"


def test_a_deep_or_a_long_statement_is_refused_and_hurts_nobody(endpoint: Reached) -> None:
    for attack in ("SELECT " + "(" * 20_000 + "1", "SELECT " + "[" * 900 + "]" * 900, "SELECT " + "-" * 100_000 + "1",
                   "SELECT " + "NOT " * 900 + "1", "SELECT 1" + "+1" * 100_000, "SELECT '" + "x" * 300_000 + "'"):  # fmt: skip
        answer = endpoint.ask(attack, as_user=AUDITOR)
        assert answer.status in {400, 403, 500}, f"{attack[:20]} {answer.status} {answer.text[:100]}"
        assert answer.code
    assert endpoint.ask("SELECT 1", as_user=AUDITOR).body == b"1\n"
    assert endpoint.ask("SELECT '" + "x" * 17_000_000 + "'", as_user=AUDITOR).status == 413


@pytest.mark.usefixtures("schema")
def test_every_view_of_the_schema_can_be_read_and_no_table(endpoint: Reached) -> None:
    """No column is called as a function that the auditor may not use, and no view needs more than he may do."""
    listed = endpoint.ask(
        "SELECT t.name, t.engine = 'View', arrayStringConcat(groupArray('`' || c.name || '`'), ', ') FROM system.tables AS t"
        " INNER JOIN system.columns AS c ON c.database = t.database AND c.table = t.name"
        " WHERE t.database = 'frigjort' GROUP BY ALL FORMAT TSVRaw",
        as_user=AUDITOR,
    )
    rows = [line.split("\t") for line in listed.text.splitlines()]
    views = {name: columns for name, is_view, columns in rows if is_view == "1"}
    tables = {name: columns for name, is_view, columns in rows if is_view == "0"}
    assert {"provenance", "events", "task_measurements", "baseline_versions"} <= set(views)
    assert {"records", "measurements", "baselines", "event_ids_feed"} <= set(tables)
    assert {name for name, columns in views.items() if "`salt`" in columns} == {"provenance", "record_rows"}
    for name, columns in views.items():
        answer = endpoint.ask(f"SELECT {columns} FROM `{name}` LIMIT 1", as_user=AUDITOR)
        assert answer.status == 200, answer.text
    for name, columns in tables.items():
        assert endpoint.ask(f"SELECT {columns} FROM `{name}` LIMIT 1", as_user=AUDITOR).code == 497, name
        assert endpoint.ask(f"SELECT count() FROM frigjort.`{name}`", as_user=AUDITOR).code == 497, name


def test_a_table_that_is_made_later_is_refused_too(endpoint: Reached) -> None:
    """The judgement of a statement is remembered, what there is in the database is not."""
    endpoint.ask("DROP TABLE IF EXISTS made_later")
    asking = "WITH made_later AS (SELECT 1 AS n) SELECT n FROM made_later"
    assert endpoint.ask(asking, as_user=AUDITOR).body == b"1\n"
    endpoint.ask("CREATE TABLE made_later (n Int8) ENGINE = Memory")
    assert endpoint.ask(asking, as_user=AUDITOR).code == 497


@pytest.mark.usefixtures("schema")
def test_the_auditor_verifies_a_record_and_sees_a_second_content(endpoint: Reached) -> None:
    """What he recomputes agrees for the record as it was stored; of a coordinate with two contents he sees both digests."""
    for payload, rules in (("first", 1), ("second", 2)):
        stored = endpoint.ask(
            "INSERT INTO records (log_no, topic, partition, offset, digest, accepted, rules, broker_time, payload, salt, leaf)"
            f" WITH SHA256('salt{payload}') AS made SELECT 1, 'verified', 0, 7, made, 1, {rules}, toDateTime64(0, 3, 'UTC'),"
            f" '{payload}', 'salt', SHA256(concat('1/verified/0/7/0/', made))"
        )
        assert stored.status == 200, stored.text
    recomputed = (
        "SELECT payload, SHA256(concat(salt, payload)) = digest, SHA256(concat(toString(log_no), '/', topic, '/',"
        " toString(partition), '/', toString(offset), '/', toString(toUnixTimestamp64Milli(broker_time)), '/', digest)) = leaf"
        " FROM provenance WHERE topic = 'verified'"
    )
    assert endpoint.ask(recomputed, as_user=AUDITOR).body == b"second\t1\t1\n"
    incidents = "SELECT offset, length(digests) FROM incidents WHERE topic = 'verified'"
    assert endpoint.ask(incidents, as_user=AUDITOR).body == b"7\t2\n"


def test_system_tables_exist(endpoint: Reached) -> None:
    for name in sorted(allowed.SYSTEM_TABLES - {"numbers", "numbers_mt", "zeros"}):
        assert endpoint.ask(f"SELECT * FROM system.{name} LIMIT 1", as_user=AUDITOR).status == 200, name


def test_curl_as_the_auditor(endpoint: Reached) -> None:
    assert endpoint.curl(endpoint.url, "--data-binary", "SELECT sum(n) FROM subject").stdout == b"1\n"
    for attack, status in (
        ("DROP TABLE subject", b"500"),
        ("SELECT * FROM file('/etc/passwd')", b"403"),
        ("SELECT * FROM url('http://127.0.0.1:9/')", b"403"),
    ):
        done = endpoint.curl("-o", "-", "-w", "%{http_code}", endpoint.url, "--data-binary", attack)
        assert done.stdout.endswith(status)


def test_the_functions_that_are_allowed_by_category_were_looked_at(endpoint: Reached) -> None:
    """A new engine brings new functions. When this fails: look at what came into these categories, then note the new list."""
    categories = ", ".join(f"'{category}'" for category in sorted(allowed.FUNCTION_CATEGORIES))
    found = endpoint.ask(
        f"SELECT version(), count(), hex(groupBitXor(cityHash64(name))) FROM system.functions"
        f" WHERE categories IN ({categories}) OR is_aggregate"
    )
    assert found.text.split("\t") == ["26.9.2.1", "1448", "775033F0B0B974BB\n"]
