"""Restating a million measurements while a collector goes on, with kill -9 halfway: `python -m tests.bench.restating`."""

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from time import monotonic, sleep

from clickhouse_connect.driver.client import Client

from services.cli.demo import case_systems, offices
from services.cli.producer import Sender
from services.cli.stack import Stack
from tests.bench.harness import client_of, running_stack, valid

_RESTATED = "SELECT countIf(generation >= {generation:UInt64}) FROM measurements FINAL"
RATE = 200
"""New events a second meanwhile."""


@dataclass(frozen=True, slots=True)
class Restated:
    """What it took. `tasks` were stale; `first_tasks` were restated when it was killed, `seconds` are of both runs."""

    tasks: int
    first_tasks: int
    first_seconds: float
    second_tasks: int
    seconds: float
    tasks_per_second: float
    new_events: int
    stale_at_the_end: int
    stored_at_the_end: int


def restating(tasks: int) -> Restated:
    """Fills, publishes other baselines, restates, kills it halfway, restates to the end."""
    messages = valid(round(tasks * 1.2) + 200_000, 3)
    with running_stack(1) as stack:
        client = client_of(stack)
        with Sender(stack.kafka_settings()) as sender:
            for message in islice(messages, tasks):
                sender.send(*message)
        if not stack.drain(600):
            raise TimeoutError("the collector did not store the tasks in ten minutes")
        generation = _other_baselines(stack)
        with _collecting(stack, messages) as sent:
            begun = monotonic()
            first = _restate(stack)
            while (done := _value(client, _RESTATED, generation)) < tasks // 2 and first.poll() is None:
                sleep(0.2)
            first.send_signal(signal.SIGKILL)
            first.wait()
            first_seconds = monotonic() - begun
            resumed = monotonic()
            answer = json.loads(_restate(stack).communicate()[0])
            seconds = first_seconds + monotonic() - resumed
        if not stack.drain(120):
            raise TimeoutError("the collector did not store the new events in two minutes")
        return Restated(
            tasks,
            first_tasks=done,
            first_seconds=first_seconds,
            second_tasks=answer["tasks"],
            seconds=seconds,
            tasks_per_second=(done + answer["tasks"]) / seconds,
            new_events=len(sent),
            stale_at_the_end=_value(client, "SELECT count() FROM stale_measurements", generation),
            stored_at_the_end=_value(client, "SELECT count() FROM task_measurements", generation),
        )


def _other_baselines(stack: Stack) -> int:
    """Publishes a version of every baseline that is 5 % higher; the newest generation."""
    registry = stack.registry()
    higher = [content | {"mean_ms": content["mean_ms"] * 21 // 20} for content in case_systems.baselines()]
    offices.publish(registry, higher, datetime.now(UTC))
    return registry.store.generation()


def _restate(stack: Stack) -> "subprocess.Popen[bytes]":
    command = ["baseline", "restate", "--by", "bench", "--json", "--data", str(stack.data)]
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


@contextmanager
def _collecting(stack: Stack, messages: Iterator[case_systems.Message]) -> Iterator[list[float]]:
    """New tasks at an even rate, until the block ends."""
    over, sent = threading.Event(), list[float]()

    def send() -> None:
        with Sender(stack.kafka_settings()) as sender:
            for message in messages:
                if over.wait(1 / RATE):
                    return
                sender.send(*message)
                sent.append(monotonic())

    sending = threading.Thread(target=send)
    sending.start()
    try:
        yield sent
    finally:
        over.set()
        sending.join()


def _value(client: Client, sql: str, generation: int) -> int:
    return int(client.query(sql, parameters={"generation": generation}).result_rows[0][0])


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tasks", type=int, default=1_000_000)
    print(json.dumps(asdict(restating(arguments.parse_args().tasks))))
