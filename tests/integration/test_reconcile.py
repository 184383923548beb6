"""`frigjort audit reconcile` on a real stack: whole when it is, and every loss and every doubled disposition to the offset."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.request import urlopen

import pytest
from tenacity import retry, stop_after_delay, wait_fixed

from services.runtime.errors import Misconfigured
from tests.integration.against import logs_in_clickhouse, records_in_kafka
from tests.integration.conftest import OTHER, Running, on_embedded
from tests.integration.reconciling import (
    NOT_WHOLE,
    OTHER_TOPIC,
    TOPIC,
    WAITING,
    WHOLE,
    account,
    delete,
    kinds,
    reconciled,
    send,
)
from tests.reference.records import Records


def metric(running: Running, name: str) -> float:
    """The sum of a gauge of the progress service over its labels."""
    assert running.stack.progress is not None
    url = str(running.stack.progress.announcement(30)["url"])
    with urlopen(f"{url}/metrics", timeout=5) as response:
        lines = response.read().decode().splitlines()
    found = [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"frigjort_progress_{name}")]
    assert found, name
    return sum(found)


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.3), reraise=True)
def shows(running: Running, **values: float) -> None:
    assert {name: metric(running, name) for name in values} == values


def _all_is_whole(running: Running, sent: list[Any]) -> dict[str, Any]:
    code, answer = reconciled(running, "--wait", "60")
    assert (code, answer["verdict"], answer["findings"]) == (WHOLE, "whole", [])
    records = Records(records_in_kafka(running.ready["kafka"], logs_in_clickhouse(running.client())))
    came_to = Counter(disposition.kind for _, disposition in records.dispositions())
    found = {name: sum(a[name] for a in answer["partitions"]) for name in ("stored", "duplicates", "rejections")}
    assert found == {
        "stored": len(sent),
        "duplicates": came_to["duplicate"],
        "rejections": came_to["rejected"],
    }
    for topic in (TOPIC, OTHER_TOPIC):
        count = sum(message[0] == topic for message in sent)
        one = account(answer, topic)
        assert (one["first_offset"], one["end_offset"], one["records_in_kafka"]) == (0, count, count)
        assert one["stored"] == one["events"] + one["rejections"] == count
    shows(running, missing_offsets=0, incidents=0, waiting_records=0, whole=1, stored_records=len(sent))
    return answer


def _loss_is_found(running: Running, last: int) -> None:
    delete(running, TOPIC, f"offset IN (0, 1, 5) OR offset BETWEEN 40 AND 49 OR offset > {last - 3}")
    code, answer = reconciled(running)
    assert (code, kinds(answer)) == (NOT_WHOLE, [("missing", TOPIC)])
    one = account(answer, TOPIC)
    assert (one["missing"], one["missing_ranges"]) == (16, 4)
    assert one["first_missing_ranges"] == [[0, 1], [5, 5], [40, 49], [last - 2, last]]
    assert reconciled(running, "--cvr", OTHER)[0] == WHOLE
    shows(running, missing_offsets=16, whole=0)


def _the_remedy_helps(running: Running, whole: dict[str, Any]) -> None:
    """The one that the finding names; what is stored once more meanwhile, and again here, counts once."""
    running.stack.environment["FRIGJORT_COLLECTOR_GROUP_ID"] = "frigjort-again"
    running.stack.start_collector(1)
    shows(running, missing_offsets=0, whole=1)
    running.client().command("INSERT INTO records SELECT * FROM records")
    code, answer = reconciled(running)
    assert (code, _counts(answer)) == (WHOLE, _counts(whole))


def _counts(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Without what was committed, which follows what is stored."""
    return [{name: value for name, value in a.items() if name != "committed_offset"} for a in answer["partitions"]]


def _two_dispositions_are_found(running: Running) -> None:
    """Records that were judged the other way before, by another code version or the same: no incident. Another content: one."""
    accepted = (
        f"FROM (SELECT * FROM records FINAL WHERE topic = '{OTHER_TOPIC}' AND accepted = 1 ORDER BY offset DESC LIMIT"
    )
    rejected, client = "0 AS accepted, toFixedString('', 32) AS digest", running.client()
    client.command(f"INSERT INTO records SELECT * REPLACE(99 AS rules, {rejected}) {accepted} 3)")
    client.command(f"INSERT INTO records SELECT * REPLACE({rejected}) {accepted} 1 OFFSET 5)")  # as a redrive leaves it
    code, answer = reconciled(running, "--topic", OTHER_TOPIC)
    assert (code, account(answer, OTHER_TOPIC)["rejudged"]) == (WHOLE, 4)
    client.command(f"INSERT INTO records SELECT * REPLACE(toFixedString('other', 32) AS digest) {accepted} 1)")
    code, answer = reconciled(running, "--topic", OTHER_TOPIC)
    assert (code, kinds(answer)) == (NOT_WHOLE, [("incident", OTHER_TOPIC)])
    assert account(answer, OTHER_TOPIC)["incidents"] == 1
    assert running.value("SELECT count() FROM incidents") == 1
    shows(running, incidents=1, whole=0)


@pytest.mark.timeout(240)
def test_loss_and_doubled_dispositions_are_found_to_the_offset(start_stack: Callable[..., Running]) -> None:
    running = start_stack(environment={"FRIGJORT_PROGRESS_INTERVAL_SECONDS": "1"})
    whole = _all_is_whole(running, send(running))
    _loss_is_found(running, account(whole, TOPIC)["last_stored"])
    _the_remedy_helps(running, whole)
    _two_dispositions_are_found(running)
    with pytest.raises(Misconfigured, match="knows this topic"):
        reconciled(running, "--cvr", "10000033")


@on_embedded
@pytest.mark.timeout(120)
def test_what_the_collectors_have_not_stored_yet_is_waiting(start_stack: Callable[..., Running]) -> None:
    running = start_stack(collectors=0)
    sent = send(running, 200)
    code, answer = reconciled(running, "--wait", "1")
    assert (code, answer["verdict"], answer["waiting"], answer["findings"]) == (WAITING, "waiting", len(sent), [])
    running.stack.start_collector(0)
    assert reconciled(running, "--wait", "60")[0] == WHOLE
