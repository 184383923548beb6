"""One contender, once: a fresh stack, the contender frozen while the log is filled, then measured until all is stored."""

import os
import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import clickhouse_connect
import psutil
from clickhouse_connect.driver.client import Client

from contracts import topics
from services.baselines.registry import Registry
from services.cli.demo import case_systems, offices
from services.cli.demo.case_systems import Message, Sent
from services.cli.probing import text_of
from services.cli.producer import Sender
from services.cli.stack import Stack
from services.runtime.processes import Child

AUTHORITIES = [authority.cvr for authority in case_systems.authorities()[:10]]
TOPICS = [topics.tasks_topic(authority) for authority in AUTHORITIES]

_WRITTEN = re.compile(r"^frigjort_endpoint_rows_written_total ([0-9.e+]+)$", re.MULTILINE)
PLAIN_JSON = (("content-type", b"application/json"),)


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took. CPU is the contender's and the endpoint's, seconds; `small` the share of batches under 1,000 rows."""

    contender: str
    events: int
    wall_seconds: float
    own_cpu: float
    endpoint_cpu: float
    small: float | None = None

    @property
    def per_second(self) -> float:
        return self.events / self.wall_seconds

    @property
    def cpu_per_million(self) -> float:
        return (self.own_cpu + self.endpoint_cpu) / self.events * 1e6

    @property
    def own_per_million(self) -> float:
        return self.own_cpu / self.events * 1e6


def valid_messages(count: int, seed: int = 3) -> list[Message]:
    """Valid, distinct task events over the authorities of the bench."""
    return list(valid(count, seed))


def valid(count: int, seed: int) -> Iterator[Message]:
    """The same, one by one."""
    found = 0
    for topic, key, value, headers in case_systems.messages(count, seed, Sent()):
        if (
            key is None
            or value is None
            or b"completed.v1" not in value
            or not key.startswith(b"t-0")
            or len(headers) != 1
        ):
            continue
        target = AUTHORITIES[found % len(AUTHORITIES)]
        changed = value.replace(topics.authority_of(topic).encode(), target.encode())
        found += 1
        yield topics.tasks_topic(target), key, changed, headers


def register(registry: Registry) -> None:
    now = datetime.now(UTC)
    entries = [{"authority": a.cvr, "name": a.name, "sector": a.sector} for a in case_systems.authorities()[:10]]
    registry.add_authorities(entries, now)
    offices.publish(registry, case_systems.baselines(), now)


@contextmanager
def running_stack(collectors: int) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="frigjort-bench-") as folder:
        environment = {
            "FRIGJORT_COLLECTOR_SESSION_TIMEOUT_MS": "20000",
            "FRIGJORT_PROGRESS_INTERVAL_SECONDS": "3600",  # its queries are no part of what is measured
            "FRIGJORT_PROGRESS_ROLLUP_INTERVAL_SECONDS": "0",
            "FRIGJORT_PROGRESS_FIGURE_INTERVAL_SECONDS": "0",
        }
        stack = Stack(Path(folder), collectors=collectors, prepare=register, environment=environment)
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def client_of(stack: Stack) -> Client:
    settings = stack.clickhouse_settings()
    return clickhouse_connect.get_client(
        dsn=settings.url, username=settings.user, password=settings.password.get_secret_value(), database="frigjort",
        autogenerate_session_id=False,
    )  # fmt: skip


def run(contender: str, messages: list[Message]) -> Run:
    """One run of a contender over these messages."""
    ours = contender == "collector"
    with running_stack(1 if ours else 0) as stack:
        child = stack.collector_processes[0] if ours else _peer(stack, contender, len(messages))
        sleep(1.0)
        child.send_signal(signal.SIGSTOP)
        with Sender(stack.kafka_settings()) as sender:
            for topic, key, value, headers in messages:
                # FastStream decodes what calls itself JSON; the collector takes the CloudEvents type.
                sender.send(topic, key, value, headers if ours else PLAIN_JSON)
        client = client_of(stack)
        processes = [psutil.Process(child.pid), psutil.Process(stack.endpoint.child.pid if stack.endpoint else 0)]
        before = [_cpu(process) for process in processes]
        begun = monotonic()
        child.send_signal(signal.SIGCONT)
        while not _done(contender, stack, child, client, len(messages)):
            if monotonic() - begun > 300:
                raise TimeoutError(f"{contender} did not end; its log is {child.log.read_text()[-2000:]}")
            sleep(0.25)
        wall = monotonic() - begun
        own, endpoint = (_cpu(process) - cpu for process, cpu in zip(processes, before, strict=True))
        small = _small_batches(stack) if ours else None
        if not ours:
            child.stop(10)
        return Run(contender, len(messages), wall, own, endpoint if contender != "bare" else 0.0, small)


def _peer(stack: Stack, kind: str, count: int) -> Child:
    settings = stack.clickhouse_settings()
    arguments = [kind, stack.kafka_settings().bootstrap_servers, settings.url, settings.password.get_secret_value()]
    command = [sys.executable, "-m", "tests.bench.peers", *arguments, ",".join(TOPICS), str(count)]
    child = Child(f"peer {kind}", command, stack.data / "logs" / f"{kind}.log", dict(os.environ))
    child.start()
    child.announcement(60)
    sleep(12)  # the embedded broker lets a joining member wait for half its session timeout
    return child


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _done(contender: str, stack: Stack, child: Child, client: Client, count: int) -> bool:
    if contender == "bare":
        return b"done" in child.log.read_bytes()
    # Asking the engine costs it milliseconds, which would count against whoever takes longer: a counter is read first.
    written = _WRITTEN.search(text_of(f"{stack.endpoint.url}/metrics" if stack.endpoint else ""))
    tables = 2 if contender == "collector" else 1
    if written is None or float(written.group(1)) < tables * count:
        return False
    return int(client.query("SELECT count() FROM measurements FINAL").result_rows[0][0]) >= count


def _small_batches(stack: Stack) -> float:
    """The share of inserts below 1,000 rows, from the collector's own histogram."""
    text = text_of(f"{stack.metrics[0]}/metrics")
    counts = {}
    for line in text.splitlines():
        if line.startswith("frigjort_collector_batch_rows_bucket"):
            bound = line.split('le="')[1].split('"')[0]
            counts[bound] = float(line.rsplit(" ", 1)[1])
    return counts["1000.0"] / counts["+Inf"] if counts.get("+Inf") else 0.0
