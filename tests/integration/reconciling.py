"""What the tests of `frigjort audit reconcile` share: events of two authorities, and the command's answer."""

import json
from typing import Any

from typer.testing import CliRunner

from contracts import topics
from services.cli.demo import case_systems
from services.cli.main import app
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, OTHER, Running
from tests.integration.test_outages import to_two_authorities

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
