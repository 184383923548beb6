"""Many at once: none waits for another's work, and what all of them wrote is there once."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.embedded.reaching import AUDITOR, WRITER, Reached

LONG = "SELECT count() FROM numbers(100000000000000) WHERE cityHash64(number) = 1 SETTINGS max_execution_time = 9"


def test_long_reads_hold_up_neither_ping_nor_inserts(endpoint: Reached, table: str) -> None:
    """As many long reads as auditors may run, and more that wait: the writer's inserts and /ping go on."""
    with ThreadPoolExecutor(8) as auditors:
        reads = [auditors.submit(endpoint.ask, LONG, AUDITOR) for _ in range(6)]
        time.sleep(0.5)
        pings, inserts = [], []
        rows = "\n".join(f"{n}\tx" for n in range(1_000))
        for number in range(10):
            begun = time.perf_counter()
            assert endpoint.pool.request("GET", endpoint.url + "/ping").status == 200
            pings.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            assert endpoint.ask(rows, query=f"INSERT INTO {table} FORMAT TSV").status == 200, number
            inserts.append(time.perf_counter() - begun)
        assert not any(read.done() for read in reads[:4])
        assert max(pings) < 0.5
        assert sorted(inserts)[5] < 0.5
        assert max(inserts) < 2
        while not all(read.done() for read in reads):  # those that waited begin when others end
            endpoint.ask("KILL QUERY WHERE query LIKE '%100000000000000%' AND query NOT LIKE '%KILL%' ASYNC")
            time.sleep(0.1)
        assert {read.result().code for read in reads} <= {159, 394}
    assert endpoint.ask(f"SELECT count() FROM {table}").body == b"10000\n"


@pytest.mark.parametrize("clients", [8])
def test_many_writers_and_readers(endpoint: Reached, table: str, view: str, clients: int) -> None:
    def write(number: int) -> None:
        for block in range(10):
            rows = "\n".join(f"{number * 10_000 + block * 1_000 + n}\tx" for n in range(1_000))
            answer = endpoint.ask(rows, query=f"INSERT INTO {table} FORMAT TSV")
            assert answer.status == 200, answer.text

    def read(user: str) -> None:
        for _ in range(10):
            answer = endpoint.ask(f"SELECT count() % 1000, count() = uniqExact(n) FROM {view}", user)
            assert answer.body == b"0\t1\n"  # a block is there whole or not at all

    with ThreadPoolExecutor(2 * clients) as pool:
        done = [pool.submit(write, number) for number in range(clients)]
        done += [pool.submit(read, user) for user in [WRITER, AUDITOR] * (clients // 2)]
        for one in done:
            one.result(60)
    total = clients * 10_000
    assert endpoint.ask(f"SELECT count(), uniqExact(n), sum(n) FROM {table}").body == (
        f"{total}\t{total}\t{total * (total - 1) // 2}\n".encode()
    )


def test_queries_do_not_see_each_others_settings(endpoint: Reached) -> None:
    def ask(size: int) -> bytes:
        return endpoint.ask("SELECT getSetting('max_block_size')", AUDITOR, max_block_size=str(size)).body

    with ThreadPoolExecutor(8) as pool:
        sizes = range(1_000, 1_100)
        assert list(pool.map(ask, sizes)) == [f"{size}\n".encode() for size in sizes]
