"""Beginning and end: what is on disk stays, what was not acknowledged may be gone, what cannot start says why."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import urllib3

from services.embedded.endpoint_process import EndpointProcess
from services.runtime.processes import ChildFailed
from tests.integration.embedded.reaching import AUDITOR, Reached, start

Starting = Callable[..., Reached]


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Starting]:
    """Starts endpoints over the test's folder; ends them."""
    processes: list[EndpointProcess] = []
    pool = urllib3.PoolManager()

    def begin(port: int = 0, **settings: str) -> Reached:
        processes.append(start(tmp_path, port, **settings))
        return Reached(processes[-1], pool)

    yield begin
    pool.clear()
    for process in processes:
        process.stop()


def test_what_is_stored_stays_over_a_restart_on_the_same_port(starting: Starting) -> None:
    reached = starting()
    reached.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    reached.ask("INSERT INTO t SELECT number FROM numbers(1000)")
    url = reached.url
    reached.process.stop()
    assert reached.process.child.exit_code == 0
    assert reached.process.start() == url
    assert reached.ask("SELECT sum(n) FROM t").body == b"499500\n"


def test_kill_in_the_middle_of_inserts_loses_nothing_acknowledged(starting: Starting) -> None:
    """Inserts one after the other until the process is killed; all that were acknowledged are there, each once and whole."""
    reached = starting()
    reached.ask(
        "CREATE TABLE t (block UInt64, n UInt64) ENGINE = MergeTree ORDER BY (block, n)"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    acknowledged, begun = [], threading.Event()

    def insert() -> None:
        for block in range(100_000):
            rows = "\n".join(f"{block}\t{n}" for n in range(2_000))
            try:
                answer = reached.ask(rows, query="INSERT INTO t FORMAT TSV")
            except urllib3.exceptions.HTTPError:
                return
            if answer.status == 200:
                acknowledged.append(block)
            if block == 10:
                begun.set()

    inserting = threading.Thread(target=insert)
    inserting.start()
    assert begun.wait(30)
    time.sleep(0.1)
    reached.process.kill()
    inserting.join(30)
    reached.process.start()
    found = reached.ask("SELECT block, count(), uniqExact(n) FROM t GROUP BY block ORDER BY block").text
    blocks = [tuple(map(int, line.split("\t"))) for line in found.splitlines()]
    assert len(acknowledged) > 10
    assert {block for block, _, _ in blocks} >= set(acknowledged)
    assert len(blocks) <= len(acknowledged) + 1
    assert all(rows == distinct == 2_000 for _, rows, distinct in blocks)


def test_a_clean_stop_finishes_what_runs(starting: Starting) -> None:
    reached = starting()
    answers = []
    query = "SELECT sum(sleepEachRow(0.1)) FROM numbers(15) SETTINGS max_block_size = 1, max_threads = 1"
    asking = threading.Thread(target=lambda: answers.append(reached.ask(query)))
    asking.start()
    time.sleep(0.4)
    os.kill(reached.process.pid, signal.SIGTERM)
    asking.join(20)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"0\n")]
    reached.process.stop()
    assert reached.process.child.exit_code == 0


def test_a_clean_stop_gives_up_what_runs_too_long(starting: Starting) -> None:
    reached = starting(stop_seconds="0.5")
    answers = []
    query = "SELECT count() FROM numbers(100000000000000) WHERE cityHash64(number) = 1"
    asking = threading.Thread(target=lambda: answers.append(reached.ask(query, AUDITOR)))
    asking.start()
    time.sleep(0.5)
    begun = time.monotonic()
    reached.process.stop()
    asking.join(20)
    assert time.monotonic() - begun < 10
    assert reached.process.child.exit_code == 0
    assert [answer.code for answer in answers] == [394]


def test_a_port_that_is_taken(endpoint: Reached, tmp_path: Path) -> None:
    port = int(endpoint.url.rsplit(":", 1)[1])
    with pytest.raises(ChildFailed, match=r"exit code 1 .*cannot start.*[Aa]ddress"):
        start(tmp_path, port)
    assert endpoint.ask("SELECT 1").body == b"1\n"


def test_a_folder_that_is_taken(starting: Starting, tmp_path: Path) -> None:
    starting()
    with pytest.raises(ChildFailed, match="exit code 1"):
        start(tmp_path)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"auditor_password": "short"}, "FRIGJORT_ENDPOINT_AUDITOR_PASSWORD"),
        ({"no_such": "1"}, "FRIGJORT_ENDPOINT_NO_SUCH"),
        ({"port": "70000"}, "FRIGJORT_ENDPOINT_PORT"),
        ({"auditor_user": "frigjort_writer"}, "two users"),
    ],
)
def test_wrong_settings(tmp_path: Path, settings: dict[str, str], named: str) -> None:
    given = {"data_path": str(tmp_path), "writer_password": "w" * 8, "auditor_password": "secret-of-a"} | settings
    environment = {f"FRIGJORT_ENDPOINT_{name.upper()}": value for name, value in given.items()}
    done = subprocess.run(
        [sys.executable, "-m", "services.embedded.endpoint"],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert named in done.stderr.decode()
    assert b"secret-of-a" not in done.stderr


def test_required_settings(tmp_path: Path) -> None:
    environment = {**os.environ, "FRIGJORT_ENDPOINT_DATA_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "services.embedded.endpoint"],
        env=environment,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert b"FRIGJORT_ENDPOINT_WRITER_PASSWORD" in done.stderr


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    """Also when that one is killed, and when a thread that is long over had started it."""
    program = (
        "import sys, threading, time\nfrom pathlib import Path\n"
        "from tests.integration.embedded.reaching import start\n"
        "def begin():\n    print(start(Path(sys.argv[1])).pid, flush=True)\n"
        "thread = threading.Thread(target=begin)\nthread.start()\nthread.join()\ntime.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        time.sleep(0.5)
        assert child.is_running()
        parent.kill()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running()


def test_the_query_log_tells_who_asked_what(starting: Starting) -> None:
    reached = starting(query_log_days="3")
    canary = "0101801234"
    reached.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    reached.ask(f"INSERT INTO t VALUES (1, '{canary}')")
    reached.ask(f'{{"n": 2, "s": "{canary}"}}', query="INSERT INTO t FORMAT JSONEachRow")
    reached.ask(f"1\t2\t{canary}\n", query="INSERT INTO t FORMAT TSV")
    reached.ask(f"INSERT INTO t VALUES ({canary}")
    reached.ask("CREATE VIEW v AS SELECT n FROM t")
    reached.ask("SELECT sum(n) /* a comment */ FROM v", AUDITOR, query_id="asked-by-auditor")
    reached.ask("DROP TABLE t", AUDITOR)
    reached.ask("SELECT 1", as_user="", headers={"X-ClickHouse-User": "nobody", "X-ClickHouse-Key": canary})
    time.sleep(0.6)
    columns = "user, query_id, kind, rows_read, rows_written, exception_code, query"
    log = reached.ask(
        f"SELECT {columns} FROM frigjort_log.query_log ORDER BY event_time FORMAT JSONCompactEachRow", AUDITOR
    )
    rows = [json.loads(line) for line in log.body.splitlines()]
    assert [row[2:6] for row in rows] == [
        ["CREATE", 0, 0, 0],
        ["INSERT", 0, 1, 0],
        ["INSERT", 0, 1, 0],
        ["INSERT", 0, 0, 27],
        ["INSERT", 0, 0, 62],
        ["CREATE", 0, 0, 0],
        ["SELECT", 2, 0, 0],
        ["DROP", 0, 0, 164],
        ["other", 0, 0, 516],
    ]
    assert rows[6][:2] == ["frigjort_auditor", "asked-by-auditor"]
    assert rows[6][6] == "SELECT sum(n) FROM v"
    assert [row[0] for row in rows[:6]] == ["frigjort_writer"] * 6
    assert rows[8][0] == ""
    assert rows[1][6] == "INSERT INTO t FORMAT Values"
    assert canary not in log.text
    reached.process.stop()
    assert canary not in reached.process.child.log.read_text()
    reached.process.start()  # kept over a restart, written also at the end
    kept = reached.ask("SELECT count() FROM frigjort_log.query_log", AUDITOR).body
    assert int(kept) >= 9
    assert "toIntervalDay(3)" in reached.ask("SHOW CREATE TABLE frigjort_log.query_log", AUDITOR).text


def test_metrics_count(starting: Starting) -> None:
    reached = starting()
    reached.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    reached.ask("1\n2\n3\n", query="INSERT INTO t FORMAT TSV")
    reached.ask("CREATE VIEW v AS SELECT * FROM t")
    assert reached.ask("SELECT * FROM v", AUDITOR).status == 200
    reached.ask("SELECT * FROM nowhere", AUDITOR)
    metrics = reached.pool.request("GET", reached.url + "/metrics").data.decode()
    for line in (
        'frigjort_endpoint_queries_total{kind="INSERT",user="frigjort_writer"} 1.0',
        'frigjort_endpoint_queries_total{kind="SELECT",user="frigjort_auditor"} 2.0',
        'frigjort_endpoint_errors_total{code="60"} 1.0',
        "frigjort_endpoint_rows_written_total 3.0",
        'frigjort_endpoint_running{user="frigjort_auditor"} 0.0',
    ):
        assert line in metrics, line
