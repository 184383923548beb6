"""Logs whose gaps cannot be told from loss, or that are not what was bound: `frigjort audit reconcile` names each on a real stack."""

import json
from collections.abc import Callable
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

from contracts import topics
from services.baselines.kafka import RegistryKafka
from services.cli.demo import case_systems
from services.cli.main import app
from tests.integration.conftest import OTHER, Running, on_embedded, on_kafka
from tests.integration.reconciling import (
    NOT_WHOLE,
    OTHER_TOPIC,
    RUN,
    TOPIC,
    WAITING,
    WHOLE,
    account,
    delete,
    kinds,
    reconciled,
    send,
)
from tests.integration.test_outages import to_two_authorities


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
