"""`frigjort audit reconcile` on a real stack: whole when it is, and every loss and every doubled disposition to the offset."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined] # public names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from tenacity import retry, stop_after_delay, wait_fixed
from typer.testing import CliRunner

from contracts import topics
from services.baselines.kafka import RegistryKafka
from services.cli.demo import case_systems
from services.cli.main import app
from services.cli.producer import Sender
from services.runtime.errors import Misconfigured
from tests.integration.against import logs_in_clickhouse, records_in_kafka
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_embedded, on_kafka
from tests.integration.test_outages import to_two_authorities
from tests.reference.records import Records

RUN = CliRunner()
TOPIC, OTHER_TOPIC = topics.tasks_topic(AUTHORITY), topics.tasks_topic(OTHER)
WHOLE, NOT_WHOLE, WAITING = 0, 5, 6


def reconciled(running: Running, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer."""
    result = RUN.invoke(app, ["audit", "reconcile", "--json", "--data", str(running.stack.data), *arguments])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


def kinds(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(found["kind"], found["topic"]) for found in answer["findings"]]


def account(answer: dict[str, Any], topic: str, log_no: int = 1) -> dict[str, Any]:
    (found,) = [a for a in answer["partitions"] if (a["topic"], a["log_no"]) == (topic, log_no)]
    return dict(found)


def send(running: Running, events: int = 3_000, seed: int = 1) -> list[Any]:
    sent = list(to_two_authorities(case_systems.messages(events, seed, case_systems.Sent())))
    with Sender(running.stack.kafka_settings()) as sender:
        for message in sent:
            sender.send(*message)
    return sent


def delete(running: Running, topic: str, where: str) -> None:
    running.client().command(
        f"ALTER TABLE records DELETE WHERE topic = '{topic}' AND ({where})", settings={"mutations_sync": 1}
    )


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


def _a_log_of_before_has_a_hole(start_stack: Callable[..., Running]) -> Running:
    """The embedded broker forgets its logs at a restart: what comes then stands under the next log number."""
    first = start_stack()
    send(first)
    assert reconciled(first, "--wait", "60")[0] == WHOLE
    delete(first, TOPIC, "offset = 7")
    first.stack.stop()
    running = start_stack()
    send(running, 500)
    code, answer = reconciled(running, "--wait", "60")
    assert (code, kinds(answer)) == (NOT_WHOLE, [("missing", TOPIC)])
    assert (answer["findings"][0]["log_no"], account(answer, TOPIC)["first_missing_ranges"]) == (1, [[7, 7]])
    assert not account(answer, OTHER_TOPIC)["in_kafka"]
    assert account(answer, OTHER_TOPIC, 2)["missing"] == 0
    return running


def _another_topic_under_the_name(running: Running, kafka: RegistryKafka) -> None:
    admin = AdminClient({"bootstrap.servers": running.stack.kafka_settings().bootstrap_servers})
    admin.delete_topics([OTHER_TOPIC])[OTHER_TOPIC].result(10)
    assert ("topic_gone", OTHER_TOPIC) in kinds(reconciled(running)[1])
    kafka.ensure_topics({OTHER_TOPIC: topics.TASKS_CONFIG})
    assert ("other_incarnation", OTHER_TOPIC) in kinds(reconciled(running)[1])
    newest = [OTHER_TOPIC, 2, kafka.topic_ids([OTHER_TOPIC])[OTHER_TOPIC]]
    running.client().insert("logs", [newest], column_names=["topic", "log_no", "topic_id"])
    assert ("two_incarnations", OTHER_TOPIC) in kinds(reconciled(running)[1])


@on_embedded
@pytest.mark.timeout(240)
def test_logs_that_cannot_be_reconciled_have_their_names(start_stack: Callable[..., Running]) -> None:
    running = _a_log_of_before_has_a_hole(start_stack)
    kafka, client = RegistryKafka(running.stack.kafka_settings()), running.client()
    stray, unbound, gone = (topics.tasks_topic(cvr) for cvr in ("10000033", "10000041", "10000068"))
    kafka.ensure_topics({stray: {"cleanup.policy": "compact"}, unbound: {}})
    client.command("INSERT INTO authorities SELECT * REPLACE('10000041' AS authority) FROM authorities LIMIT 1")
    client.insert("logs", [[gone, 1, "gone"]], column_names=["topic", "log_no", "topic_id"])
    end = account(reconciled(running)[1], OTHER_TOPIC, 2)["end_offset"]
    one = f"FROM (SELECT * FROM records WHERE topic = '{OTHER_TOPIC}' AND log_no = 2 LIMIT 1)"
    client.command(f"INSERT INTO records SELECT * REPLACE({end + 1} AS offset) {one}")
    client.command(f"INSERT INTO records SELECT * REPLACE(9 AS log_no, 0 AS offset) {one}")
    code, answer = reconciled(running)
    assert code == NOT_WHOLE
    assert sorted(kinds(answer)) == sorted(
        [
            ("compacted", stray),
            ("foreign_topic", stray),
            ("unbound_topic", unbound),
            ("topic_gone", gone),
            ("unknown_log", OTHER_TOPIC),
            ("missing", TOPIC),
            ("beyond_end", OTHER_TOPIC),
            ("missing", OTHER_TOPIC),
        ]
    )
    text = RUN.invoke(app, ["audit", "reconcile", "--data", str(running.stack.data)]).stdout
    assert f"beyond_end  {OTHER_TOPIC}/0 (log 2): the log ends at {end} and was collected up to {end + 2}" in text
    assert "not whole" in text
    _another_topic_under_the_name(running, kafka)


@on_embedded
@pytest.mark.timeout(120)
def test_what_the_collectors_have_not_stored_yet_is_waiting(start_stack: Callable[..., Running]) -> None:
    running = start_stack(collectors=0)
    sent = send(running, 200)
    code, answer = reconciled(running, "--wait", "1")
    assert (code, answer["verdict"], answer["waiting"], answer["findings"]) == (WAITING, "waiting", len(sent), [])
    running.stack.start_collector(0)
    assert reconciled(running, "--wait", "60")[0] == WHOLE


def _set_policy(running: Running, topic: str, policy: str) -> None:
    admin = AdminClient({"bootstrap.servers": running.stack.kafka_settings().bootstrap_servers})
    entry = ConfigEntry("cleanup.policy", policy, incremental_operation=AlterConfigOpType.SET)
    (future,) = admin.incremental_alter_configs(
        [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]
    ).values()
    future.result(20)


def _transaction(running: Running) -> Producer:
    """A producer with an open transaction."""
    servers = running.stack.kafka_settings().bootstrap_servers
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "a-source", "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    return producer


def _problems(url: str) -> str:
    """What a process says at /readyz; empty: it is ready."""
    try:
        urlopen(f"{url}/readyz", timeout=5).close()
    except HTTPError as error:
        return str(json.loads(error.read())["problems"])
    return ""


def _doctor(running: Running) -> set[str]:
    result = RUN.invoke(app, ["doctor", "--json", "--data", str(running.stack.data)])
    return {found["check"] for found in json.loads(result.stdout)["checks"] if found["state"] == "problem"}


@on_kafka
@pytest.mark.timeout(240)
def test_compaction_and_transactions_are_refused_by_name(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    events = to_two_authorities(case_systems.messages(200, 3, case_systems.Sent()))
    mine = [message for message in events if message[0] == TOPIC and message[2] is not None]
    assert reconciled(running)[0] == WHOLE

    producer = _transaction(running)
    for topic, key, value, headers in mine[:3]:
        producer.produce(topic, value=value, key=key, headers=[*headers])
    producer.flush(20)
    code, answer = reconciled(running)
    assert (code, kinds(answer)) == (NOT_WHOLE, [("transactional", TOPIC)])
    assert "transactions" in _doctor(running)
    producer.commit_transaction(30)
    # Its marker took an offset that no reader ever gets: it waits for ever, and the next record makes the collector halt.
    code, answer = reconciled(running, "--wait", "3")
    assert (code, account(answer, TOPIC)["stored"], answer["waiting"]) == (WAITING, 3, 1)
    producer.begin_transaction()
    producer.produce(TOPIC, value=mine[3][2], key=mine[3][1], headers=[*mine[3][3]])
    producer.commit_transaction(30)
    said = _halted(running)
    assert "offset 3 was expected" in said
    assert "written in transactions" in said
    assert reconciled(running)[0] == WAITING

    _set_policy(running, OTHER_TOPIC, "compact")
    assert ("compacted", OTHER_TOPIC) in kinds(reconciled(running, "--cvr", OTHER)[1])
    assert "cleanup policies" in _doctor(running)
    running.stack.collector_processes.pop().stop(30.0)
    _, url = running.stack.launch_collector(1)
    running.stack.metrics[:] = [url]
    assert f"{OTHER_TOPIC}/0 is halted: refused: the topic is compacted" in _halted(running, "compacted")


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.3), reraise=True)
def _halted(running: Running, words: str = "is halted") -> str:
    said = _problems(running.stack.metrics[0])
    assert words in said
    return said
