"""A world to break: Apache Kafka and ClickHouse, a proxy before each, collectors that can be told to die.

The parts are started once. A scenario takes authorities of its own, so that it sends to and looks at topics of its own, and
`collectors` of its own. What clients of the test itself do passes no proxy.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from clickhouse_connect.driver.client import Client
from confluent_kafka.admin import AdminClient

from services.cli.demo import offices
from services.cli.stack import Stack
from services.runtime import clickhouse
from services.runtime.kafka import KafkaMetadata
from services.runtime.processes import Child, free_port
from services.runtime.settings import KafkaSettings
from tests.brokers.kafka import KafkaBroker, KafkaCluster
from tests.faults.proxy import Proxy
from tests.reference import load_registry, workload

READY_SECONDS: Final = 60.0
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

    @cached_property
    def metadata(self) -> KafkaMetadata:
        """What Kafka says of topics and logs, past the proxies."""
        return KafkaMetadata(self.kafka)

    def client(self) -> Client:
        """A client of ClickHouse, past the proxy, with time enough to ask for everything."""
        return clickhouse.connect(self.stack.clickhouse_settings().model_copy(update={"timeout_seconds": 300}))

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return [tuple(row) for row in self.client().query(sql, parameters=parameters).result_rows]

    # -- what lives in it -------------------------------------------------------------------------------------------------

    def publish(self, percent: int) -> None:
        """Publishes the baselines of the workload, at so many percent of their means."""
        contents = load_registry.drafts(workload.authorities(8), percent)
        offices.publish(self.stack.registry(), contents, datetime.now(UTC))

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

    def heal(self) -> None:
        """The network is as it should be."""
        for proxy in (*self.kafka_proxies, self.clickhouse_proxy):
            proxy.heal()


def readiness(url: str) -> tuple[bool, str]:
    """Whether a process is ready, and what it says."""
    answer = subprocess.run(
        ["curl", "-s", "-m", "2", "-w", "\n%{http_code}", f"{url}/readyz"], check=False, capture_output=True, text=True
    )
    said, _, status = answer.stdout.rpartition("\n")
    return status == "200", said
