"""Baselines come, change and go while tasks stream and are corrected: restated, every figure stands under the newest."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from typer.testing import CliRunner

from contracts.events import COMPLETED, CORRECTED, RETRACTED, schema_name
from services.cli.demo import case_systems, offices
from services.cli.demo.case_systems import KINDS, UNMEASURED_KIND, Message
from services.cli.main import app
from services.cli.producer import Sender
from tests.integration.conftest import AUTHORITY, Running, on_embedded, on_kafka
from tests.integration.test_outages import assert_whole, to_two_authorities
from tests.integration.test_withdrawal import followed, measured, withdraw

EVENTS = 40_000


def restated(running: Running, *options: str, code: int = 0) -> dict[str, Any]:
    """The answer of `frigjort baseline restate`."""
    arguments = ["baseline", "restate", "--by", "method-office", "--json", "--data", str(running.stack.data), *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def stale(running: Running) -> int:
    return int(running.value("SELECT count() FROM stale_measurements"))


def with_late_changes(messages: Iterator[Message]) -> Iterator[Message]:
    """The stream, and long after every twentieth task a correction that makes another kind of it, or a retraction."""
    kinds = cycle([*KINDS, UNMEASURED_KIND])
    waiting: list[Message] = []
    for number, message in enumerate(messages):
        yield message
        topic, key, value, headers = message
        if number % 20 == 0 and b"/demo/casesystem" in (value or b"") and COMPLETED.encode() in (value or b""):
            event = json.loads(value or b"")
            kind = next(kinds)
            data = {**event["data"], "task_type": kind.task_type, "complexity": kind.complexity, "revision": 3}
            name = CORRECTED
            if number % 60 == 0:
                data = {"authority": data["authority"], "task": data["task"], "revision": 3, "reason": "wrong"}
                name = RETRACTED
            changed = {**event, "id": f"{data['task']}-3", "type": name, "dataschema": schema_name(name), "data": data}
            waiting.append((topic, key, json.dumps(changed).encode(), headers))
        if len(waiting) > 300:
            yield waiting.pop(0)
    yield from waiting


def publications(running: Running) -> Iterator[None]:
    """Publishes step by step."""
    registry = running.stack.registry()
    nation = {b["baseline"]: b for b in case_systems.baselines()}
    means = {name: b["mean_ms"] for name, b in nation.items()}
    names = sorted(nation)

    def publish(changed: dict[str, int]) -> None:
        """Each in the place of the version before it."""
        contents = [{**nation[name], "mean_ms": mean} for name, mean in changed.items()]
        offices.publish(registry, contents, datetime.now(UTC))
        means.update(changed)

    def take_back(name: str, version: int) -> None:
        registry.withdraw(name, version, "wrong-source", "method-office", datetime.now(UTC))

    publish({name: mean + 60_000 for name, mean in means.items()})
    yield
    unmeasured = {"task_type": UNMEASURED_KIND.task_type, "complexity": UNMEASURED_KIND.complexity}
    nation["late"] = {**nation[names[0]], "baseline": "late", **unmeasured}
    publish({"late": 777_000})
    yield
    for name in names[:2]:
        take_back(name, 2)
        del means[name]
    yield
    publish({name: mean + 1 for name, mean in means.items()} | {names[0]: nation[names[0]]["mean_ms"]})
    yield


def sweeping(running: Running, until: threading.Event, answers: list[dict[str, Any]]) -> None:
    """Runs the command as a process again and again, and notes its answers as they come."""
    command = [sys.executable, "-m", "services.cli", "baseline", "restate", "--by", "racer", "--json", "--data"]
    while not until.is_set():
        done = subprocess.run([*command, str(running.stack.data)], capture_output=True, check=False, timeout=100)
        assert done.returncode == 0, done.stderr.decode()
        answers.append(json.loads(done.stdout))


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def begun(running: Running) -> None:
    """Tasks are measured already: each publication will find stale ones."""
    assert running.value("SELECT count() FROM measurements") > 2_000


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), reraise=True)
def swept(answers: list[dict[str, Any]], generation: int) -> None:
    """A sweep has written under this generation or a newer one."""
    assert any(run["generation"] >= generation for answer in answers for run in answer["runs"])


def send_slowly(running: Running, sent: list[Message], until: threading.Event) -> None:
    """Sends the stream in steps until the event is set, then the rest at once."""
    with Sender(running.stack.kafka_settings()) as sender:
        stream = with_late_changes(to_two_authorities(case_systems.messages(EVENTS, 5, case_systems.Sent())))
        for message in stream:
            sent.append(message)
            sender.send(*message)
            if len(sent) % 500 == 0 and not until.is_set():
                time.sleep(0.4)


@on_kafka
@pytest.mark.timeout(240)
def test_restatement_races_corrections_and_publications(start_stack: Callable[..., Running]) -> None:
    running = start_stack(collectors=2)
    sent: list[Message] = []
    answers: list[dict[str, Any]] = []
    published, over = threading.Event(), threading.Event()
    sender = threading.Thread(target=send_slowly, args=(running, sent, published))
    sweeps = [threading.Thread(target=sweeping, args=(running, over, answers)) for _ in range(2)]
    for thread in (sender, *sweeps):
        thread.start()
    begun(running)
    registry = running.stack.registry()
    for _ in publications(running):
        swept(answers, registry.store.generation())
    published.set()
    sender.join()
    assert running.stack.drain(90)
    over.set()
    for thread in sweeps:
        thread.join()

    restated(running)
    assert stale(running) == 0
    assert_whole(running, sent)
    assert running.value("SELECT count() FROM dispositions") == len(sent)
    assert running.value("SELECT uniqExact(log_no, topic, partition, offset) FROM records") == len(sent)
    assert running.value("SELECT count() FROM incidents") == 0
    # It did race: both sweeps wrote, under several generations, and not all at the end.
    assert len({run["generation"] for answer in answers for run in answer["runs"]}) >= 3
    assert sum(answer["tasks"] for answer in answers) > 1_000


@on_embedded
def test_restated_tasks_fall_back_and_come_back(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    registry = running.stack.registry()
    nation = next(b for b in case_systems.baselines() if b["baseline"] == "nation/27.35.04/low")
    own = {**nation, "baseline": "own/27.35.04/low", "level": "authority", "authority": AUTHORITY, "mean_ms": 1_500_000}
    offices.publish(registry, [own], datetime.now(UTC))
    assert followed(running, registry.store.generation())
    assert measured(running, "t-1") == ("measured", 1_500_000)
    assert (stale(running), restated(running)["runs"]) == (0, [])

    def credit() -> Any:
        return running.rows("SELECT status, credit_ms, generation FROM task_measurements WHERE task = 't-1'")[0]

    withdraw(running, "own/27.35.04/low", "1")
    assert stale(running) == 1
    rehearsed = restated(running, "--dry-run", code=1)
    assert (rehearsed["stale"], rehearsed["tasks"], stale(running)) == (1, 1, 1)
    assert credit()[:2] == ("measured", 1_500_000)
    assert restated(running, "--cvr", "10000025")["tasks"] == 0
    answer = restated(running, "--cvr", AUTHORITY, "--reason", "wrong-source")
    assert (answer["stale"], answer["tasks"], answer["changed"]) == (0, 1, 1)
    assert credit() == ("measured", 1_080_000, registry.store.generation())

    withdraw(running, "nation/27.35.04/low", "1")
    restated(running)
    assert credit() == ("unmeasured", None, registry.store.generation())
    offices.publish(registry, [{**nation, "mean_ms": 900_000}], datetime.now(UTC))
    restated(running)
    assert credit() == ("measured", 900_000, registry.store.generation())
    # A municipality becomes a region: its sector's baselines are others now, so its tasks are looked at again.
    registry.add_authorities([{"authority": AUTHORITY, "name": "Eksempel", "sector": "region"}], datetime.now(UTC))
    assert stale(running) == 1
    assert restated(running)["changed"] == 0
    assert stale(running) == 0
    ledger = running.rows(
        "SELECT requested_by, reason, authority, tasks, saved_after_ms - saved_before_ms FROM restatement_runs ORDER BY generation"
    )
    assert ledger == [
        ("method-office", "wrong-source", AUTHORITY, 1, -420_000),
        ("method-office", "newer-generation", "", 1, -420_000),
        ("method-office", "newer-generation", "", 1, 240_000),
        ("method-office", "newer-generation", "", 1, 0),
    ]


@pytest.mark.parametrize(
    "options", [["--by", "two words"], ["--by", "a", "--reason", "0101011234"], ["--by", "a", "--cvr", "12345678"]]
)
def test_what_is_no_token_or_no_cvr_number_is_refused(options: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "baseline", "restate", *options], capture_output=True, check=False
    )
    assert done.returncode == 2, done.stderr
