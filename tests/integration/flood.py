"""Small streams whose verdicts are known, and what a collector says of itself."""

import json
import time
from collections.abc import Iterable
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from contracts import topics
from contracts.events import COMPLETED, schema_name
from services.cli.producer import Sender
from services.runtime.processes import Child
from tests.integration.conftest import Running
from tests.integration.test_outside import state


def event(authority: str, task: str, **changes: Any) -> tuple[str, bytes, bytes]:
    """A completed task in structured mode as topic, key and value; `changes` are to its data."""
    document = {
        "specversion": "1.0",
        "id": f"e-{task}",
        "source": "/casesystem/eksempel",
        "type": COMPLETED,
        "subject": task,
        "partitionkey": task,
        "time": "2026-03-02T08:10:00Z",
        "dataschema": schema_name(COMPLETED),
        "datacontenttype": "application/json",
        "data": state(task, 1, **{"authority": authority, **changes}),
    }
    return topics.tasks_topic(authority), task.encode(), json.dumps(document, separators=(",", ":")).encode()


def send(running: Running, messages: Iterable[tuple[str, bytes, bytes]]) -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for message in messages:
            sender.send(*message)


def until(condition: Any, seconds: float = 60.0) -> None:
    """Waits until `condition()` is true, and shows its last value when it does not come."""
    deadline = time.monotonic() + seconds
    while not (seen := condition()):
        assert time.monotonic() < deadline, seen
        time.sleep(0.2)


def problems(url: str) -> list[str]:
    """Why a collector is not ready; empty when it is."""
    try:
        with urlopen(f"{url}/readyz", timeout=5):
            return []
    except HTTPError as error:
        found: list[str] = json.loads(error.read())["problems"]
        return found


def launch(running: Running, number: int, module: str = "services.collector", **environment: str) -> tuple[Child, str]:
    """Ends the collectors that run, then starts one with these settings; it need not become ready."""
    for child in running.stack.collector_processes:
        child.stop()
    running.stack.collector_processes.clear()
    running.stack.metrics.clear()
    running.stack.environment.update(environment)
    child, url = running.stack.launch_collector(number, module=module)
    running.stack.metrics.append(url)
    return child, url


def dead_letters(running: Running) -> list[str]:
    """The coordinates of all dead letters, in the topic's order."""
    consumer = Consumer(
        {"bootstrap.servers": running.ready["kafka"], "group.id": "test-letters", "enable.auto.commit": False}
    )
    consumer.assign([TopicPartition(topics.REJECTED, 0, OFFSET_BEGINNING)])
    found = []
    try:
        while (message := consumer.poll(3)) is not None:
            assert message.error() is None
            found.append((message.key() or b"").decode())
    finally:
        consumer.close()
    return found
