"""What may change without changing anything: the order, the number and the cuts of deliveries; and the order of the log itself,
as far as no two contents share a revision."""

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from urllib.request import urlopen

import pytest

from services.cli.producer import Sender
from tests.integration.against import differences, logs_in_clickhouse, records_in_kafka, registry_in_clickhouse
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_kafka
from tests.integration.delivering import Database, snapshot_of
from tests.reference import load_registry, workload
from tests.reference.records import Records
from tests.reference.shapes import LogRecord

AUTHORITIES = workload.authorities(3)
SNAPSHOT = snapshot_of(load_registry.registry(AUTHORITIES))
_RECEIVED = re.compile(r"^frigjort_collector_records_received_total\{.*\} ([0-9.e+]+)$", re.MULTILINE)
_TOTALS = ("hours_freed_daily", "hours_freed_by_authority", "hours_freed_by_task_type", "coverage")
_STATES = "SELECT * EXCEPT (log_no, partition, offset, broker_time) FROM task_measurements ORDER BY authority, task"


def placed(messages: Sequence[workload.Message]) -> list[LogRecord]:
    """These messages as the log of one partition a topic, in this order."""
    offsets: Counter[str] = Counter()
    log = []
    for topic, key, value, headers in messages:
        log.append(LogRecord(1, topic, 0, offsets[topic], key, value, headers))
        offsets[topic] += 1
    return log


def stored(database: Database) -> list[list[tuple[Any, ...]]]:
    """Every row of `records` and `measurements`, all columns, as they are read."""
    return [database.rows(f"SELECT * FROM {table} FINAL ORDER BY ALL") for table in ("records", "measurements")]


def test_the_same_log_delivered_otherwise_gives_the_same_rows(new_database: Callable[[], Database]) -> None:
    log, chance = placed(list(workload.messages(2_500, 21, AUTHORITIES))), random.Random(21)
    in_order = new_database()
    in_order.deliver(log, SNAPSHOT)
    expected = stored(in_order)
    assert len(expected[0]) == len(log)
    other = new_database()
    for cuts in (1, 3, 9):
        delivery = chance.sample(log, len(log))
        other.deliver(delivery, SNAPSHOT, chance.sample(range(1, len(log)), cuts))
    assert stored(other) == expected


def test_another_order_of_the_log_gives_the_same_totals(new_database: Callable[[], Database]) -> None:
    messages = list(workload.messages(3_000, 22, AUTHORITIES))
    log = placed(messages)
    sharing = {conflict.other for conflict in Records(log).conflicts() if conflict.kind == "revision"}
    messages = [m for m, record in zip(messages, log, strict=True) if record[:4] not in sharing]
    assert len(messages) < len(log)
    found = []
    for seed in (None, 1, 2):
        database = new_database()
        ordered = messages if seed is None else random.Random(seed).sample(messages, len(messages))
        database.deliver(placed(ordered), SNAPSHOT)
        found.append([database.rows(f"SELECT * FROM {view} ORDER BY ALL") for view in _TOTALS])
        found[-1] += [
            database.rows(_STATES),
            database.rows("SELECT accepted, code, count() FROM dispositions GROUP BY ALL ORDER BY ALL"),
        ]
        found[-1].append(database.rows("SELECT topic, count() FROM duplicates GROUP BY ALL ORDER BY ALL"))
        assert database.rows("SELECT count() FROM conflicts WHERE kind = 'revision'") == [(0,)]
    assert found[0][0]
    assert found[1] == found[0]
    assert found[2] == found[0]


@on_kafka
@pytest.mark.timeout(180)
def test_a_log_read_three_times_in_other_batches_gives_the_same_rows(start_stack: Callable[..., Running]) -> None:
    """Collectors of three groups, one after the other: each reads the whole log again, in batches of another size."""
    running = start_stack()
    with Sender(running.stack.kafka_settings()) as sender:
        for message in workload.messages(5_000, 23, [AUTHORITY, OTHER]):
            sender.send(*message)
    assert running.stack.drain()
    client = running.client()
    records = Records(records_in_kafka(running.ready["kafka"], logs_in_clickhouse(client)))
    tables = ("records", "measurements")
    rows = [running.rows(f"SELECT * FROM {table} FINAL ORDER BY ALL") for table in tables]
    for number, flush_rows in enumerate((97, 1_500), start=1):
        running.stack.collector_processes.pop().stop(30.0)
        running.stack.metrics.clear()
        again = {"FRIGJORT_COLLECTOR_GROUP_ID": f"again-{number}", "FRIGJORT_COLLECTOR_FLUSH_ROWS": str(flush_rows)}
        running.stack.environment.update(again)
        running.stack.start_collector(number)
        assert running.stack.drain()
        received = _RECEIVED.findall(urlopen(f"{running.stack.metrics[0]}/metrics", timeout=10).read().decode())
        assert sum(map(float, received)) == len(records), "all of it was read again"
        assert [running.rows(f"SELECT * FROM {table} FINAL ORDER BY ALL") for table in tables] == rows
    assert differences(client, records, registry_in_clickhouse(client)) == []
