"""A world to break: Apache Kafka and ClickHouse, a proxy before each, collectors that can be told to die.

The parts are started once. A scenario takes authorities of its own, so that it sends to and looks at topics of its own, and
`collectors` of its own. What clients of the test itself do passes no proxy.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final, Self

from clickhouse_connect.driver.client import Client
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from contracts import topics
from services.cli.producer import Sender
from services.cli.stack import Stack
from services.runtime import clickhouse
from services.runtime.processes import Child, free_port
from services.runtime.settings import KafkaSettings
from tests.brokers.kafka import KafkaBroker, KafkaCluster
from tests.faults.proxy import Proxy
from tests.faults.verdict import Verdict, verdict
from tests.reference import load_registry, workload

READY_SECONDS: Final = 60.0
STORED_SECONDS: Final = 90.0
_LEFT: Final = re.compile(r"^frigjort_collector_(?:lag|buffered)_records(?:\{.*\})? ([0-9.e+]+)$", re.MULTILINE)


def until(condition: Callable[[], bool], seconds: float, what: str, pause_seconds: float = 0.1) -> float:
    """Waits for it; how many seconds that took. Fails with `what` when it does not come."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(pause_seconds)
    return time.monotonic() - begun


class World:
    """The parts. Leaving the context ends them all."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        self.kafka_proxies = [Proxy() for _ in range(nodes)]
        self.clickhouse_proxy = Proxy()
        self.broker: KafkaBroker | KafkaCluster
        self.collectors: dict[str, Child] = {}
        self._folder = folder
        self._nodes = nodes
        self._authorities = iter(workload.authorities(2_000))
        self._number = 0
        self._parts = ExitStack()
        self.stack = Stack(
            folder,
            collectors=0,
            clickhouse_port=free_port(),
            new_broker=lambda data, _: self._new_broker(data),
        )

    def _new_broker(self, data: Path) -> KafkaBroker | KafkaCluster:
        ports = [proxy.port for proxy in self.kafka_proxies]
        if self._nodes == 1:
            self.broker = single = KafkaBroker(data / "kafka", advertised=ports[0])
            brokers = [single]
        else:
            self.broker = cluster = KafkaCluster(data / "kafka", self._nodes, dict(enumerate(ports, start=1)))
            brokers = list(cluster.brokers.values())
        for proxy, broker in zip(self.kafka_proxies, brokers, strict=True):
            proxy.target = broker.port
        return self.broker

    def __enter__(self) -> Self:
        with ExitStack() as parts:
            for proxy in (*self.kafka_proxies, self.clickhouse_proxy):
                parts.enter_context(proxy)
            self.clickhouse_proxy.target = self.stack.clickhouse_port
            parts.callback(self.stack.stop)
            parts.callback(self.end_collectors)
            self.stack.start()
            self.publish(100)
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._parts.close()

    # -- reaching it ------------------------------------------------------------------------------------------------------

    @property
    def kafka(self) -> KafkaSettings:
        """How the test reaches Kafka: past the proxies."""
        return self.stack.kafka_settings().model_copy(update={"bootstrap_servers": self.broker.direct})

    def client(self) -> Client:
        """A client of ClickHouse, past the proxy."""
        return clickhouse.connect(self.stack.clickhouse_settings())

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self.client().query(sql, parameters=parameters).result_rows]

    # -- what lives in it -------------------------------------------------------------------------------------------------

    def publish(self, percent: int) -> None:
        """Publishes the baselines of the workload, at so many percent of their means."""
        self.stack.registry().publish_baselines(
            load_registry.baselines(workload.authorities(8), percent), datetime.now(UTC)
        )

    def new_authorities(self, count: int, partitions: int) -> list[str]:
        """Registers authorities that nobody used before."""
        cvrs = [next(self._authorities) for _ in range(count)]
        self.stack.registry().add_authorities(load_registry.authority_entries(cvrs), datetime.now(UTC), partitions)
        return cvrs

    def collector(self, name: str, wait: bool = True, **environment: str) -> Child:
        """Starts a collector; `environment` is added to its settings without their prefix `FRIGJORT_`."""
        self._number += 1
        settings = {
            **self.stack.collector_environment(self._number),
            "FRIGJORT_CLICKHOUSE_URL": f"http://127.0.0.1:{self.clickhouse_proxy.port}",
            "FRIGJORT_CLICKHOUSE_TIMEOUT_SECONDS": "5",
            "FRIGJORT_COLLECTOR_BRAKE_RATIO": "0",
            "FRIGJORT_COLLECTOR_BRAKE_RUN_RECORDS": "0",
            **{f"FRIGJORT_{key}": value for key, value in environment.items()},
        }
        log = self._folder / "logs" / f"collector-{self._number}-{name}.log"
        child = Child(f"collector {name}", [sys.executable, "-m", "tests.faults.collector"], log, settings)
        child.start()
        self.collectors[name] = child
        if wait:
            url = str(child.announcement(READY_SECONDS)["url"])
            child.wait_until(lambda: readiness(url)[0], READY_SECONDS)
        return child

    def restate(self, cvrs: Sequence[str]) -> None:
        """Runs the sweep until nothing of these authorities is stale."""
        for cvr in cvrs:
            self.frigjort("baseline", "restate", "--by", "fault-suite", "--cvr", cvr)

    def frigjort(self, *arguments: str, fails: bool = False) -> "subprocess.CompletedProcess[str]":
        """Runs the command line on this world; unless it may fail, it must not."""
        command = [sys.executable, "-m", "services.cli", *arguments, "--data", str(self._folder)]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        assert fails or ended.returncode == 0, ended.stdout + ended.stderr
        return ended

    # -- what may happen to it --------------------------------------------------------------------------------------------

    def kill_broker(self, node: int = 1) -> None:
        """kill -9 of a broker."""
        self._broker(node).kill()

    def restart_broker(self, node: int = 1) -> None:
        """Starts it again, and waits until it is back."""
        self._broker(node).launch()
        self._broker(node).wait(self._nodes)

    def _broker(self, node: int) -> KafkaBroker:
        return self.broker if isinstance(self.broker, KafkaBroker) else self.broker.brokers[node]

    def coordinator(self) -> int:
        """The node that coordinates the collectors' group."""
        admin = AdminClient({"bootstrap.servers": self.kafka.bootstrap_servers, "log_level": 0})
        (future,) = admin.describe_consumer_groups(["frigjort-collector"], request_timeout=20).values()
        return int(future.result(30).coordinator.id)

    def lag(self, name: str) -> int:
        """What a collector has still to store, by its own word."""
        url = self.collectors[name].announcement(READY_SECONDS)["url"]
        text = subprocess.run(["curl", "-s", f"{url}/metrics"], check=True, capture_output=True, text=True).stdout
        return sum(int(float(value)) for value in _LEFT.findall(text))

    def readiness(self, name: str) -> tuple[bool, str]:
        """Whether a collector is ready, and what it says."""
        return readiness(str(self.collectors[name].announcement(READY_SECONDS)["url"]))

    def end_collectors(self) -> None:
        """Ends them, asking first."""
        for child in self.collectors.values():
            child.stop(30.0)
        self.collectors.clear()

    @contextmanager
    def scenario(
        self, fault: str, events: int, *, seed: int = 1, authorities: int = 2, rate: int = 4_000
    ) -> "Iterator[Scenario]":
        """A load over authorities of its own; on leaving, everything that was sent is stored, and judged."""
        cvrs = self.new_authorities(authorities, partitions=2)
        scenario = Scenario(self, fault, cvrs, events, seed, rate)
        try:
            yield scenario
            scenario.settle()
        finally:
            scenario.stop()
            self.end_collectors()
            for proxy in (*self.kafka_proxies, self.clickhouse_proxy):
                proxy.heal()


def readiness(url: str) -> tuple[bool, str]:
    """Whether a process is ready, and what it says."""
    answer = subprocess.run(
        ["curl", "-s", "-m", "2", "-w", "\n%{http_code}", f"{url}/readyz"], check=False, capture_output=True, text=True
    )
    said, _, status = answer.stdout.rpartition("\n")
    return status == "200", said


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.2), retry=retry_if_exception_type(KafkaException), reraise=True)
def _end(consumer: Consumer, partition: TopicPartition) -> int:
    """The end of a partition; while a broker comes and goes it is asked again."""
    return int(consumer.get_watermark_offsets(partition, timeout=20)[1])


@dataclass
class Scenario:
    """One fault under load, over some authorities."""

    world: World
    fault: str
    cvrs: Sequence[str]
    events: int
    seed: int
    rate: int
    times: int = 0
    recovered_seconds: list[float] = field(default_factory=list)
    result: Verdict | None = None
    _sending: Thread | None = None
    _enough: Event = field(default_factory=Event)
    _failure: list[BaseException] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """Its topics."""
        return [topics.tasks_topic(cvr) for cvr in self.cvrs]

    def send(self) -> Self:
        """Begins to send, at its rate."""
        self._sending = Thread(target=self._send, name="sending", daemon=True)
        self._sending.start()
        return self

    def under_load(self, flush_rows: int = 500, share: float = 0.1) -> World:
        """A collector `a` and the load, until so much of it is stored: the moment for a fault."""
        self.world.collector("a", COLLECTOR_FLUSH_ROWS=str(flush_rows))
        self.send().has_stored(share)
        return self.world

    def _send(self) -> None:
        try:
            begun = time.monotonic()
            with Sender(self.world.kafka) as sender:
                for number, message in enumerate(workload.messages(self.events, self.seed, self.cvrs)):
                    sender.send(*message)
                    if number % 100 == 0 and (early := begun + number / self.rate - time.monotonic()) > 0:
                        time.sleep(early)
                    if self._enough.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 - told by whoever joins
            self._failure.append(error)

    def sent(self) -> None:
        """Waits until all is sent and acknowledged."""
        assert self._sending is not None
        self._sending.join()
        if self._failure:
            raise self._failure[0]

    def stop(self) -> None:
        """Sends no more."""
        self._enough.set()
        if self._sending is not None:
            self._sending.join()

    # -- how far it is ------------------------------------------------------------------------------------------------------

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of each partition."""
        consumer = Consumer(
            {"bootstrap.servers": self.world.kafka.bootstrap_servers, "group.id": "frigjort-test", "log_level": 0}
        )
        try:
            known = consumer.list_topics(timeout=20).topics
            places = [(topic, number) for topic in self.topics for number in known[topic].partitions]
            return {place: _end(consumer, TopicPartition(*place)) for place in places}
        finally:
            consumer.close()

    def stored(self) -> dict[tuple[str, int], int]:
        """How many offsets of each partition are stored, counted from the first without a hole at the end."""
        rows = self.world.rows(
            "SELECT topic, partition, max(offset) + 1 FROM records WHERE topic IN {topics:Array(String)} GROUP BY ALL",
            topics=self.topics,
        )
        return {(topic, number): end for topic, number, end in rows}

    def has_stored(self, share: float) -> None:
        """Waits until so much of what will be sent is stored: the moment for a fault."""
        until(lambda: sum(self.stored().values()) >= share * self.events, STORED_SECONDS, f"{share:.0%} stored")

    def over(self, times: int = 1, since: float | None = None) -> None:
        """The fault is over, now or `since` a moment of the monotonic clock: waits until all that was sent till now is stored,
        and notes how long that took."""
        begun = time.monotonic() if since is None else since
        self.times += times
        ends = self.ends()
        until(lambda: self.reached(ends), STORED_SECONDS, f"recovery from {self.fault}")
        self.recovered_seconds.append(time.monotonic() - begun)

    def reached(self, ends: dict[tuple[str, int], int]) -> bool:
        """Whether everything below these ends is stored."""
        stored = self.stored()
        return all(stored.get(place, 0) >= end for place, end in ends.items())

    def settle(self) -> None:
        """All is sent and stored; now nothing may be lost, doubled or wrong."""
        self.sent()
        ends = self.ends()
        until(lambda: self.reached(ends), STORED_SECONDS, f"everything stored after {self.fault}")
        self.result = verdict(self.world, self.cvrs, ends)
        assert self.result.is_right, f"{self.fault}: {self.result}"
