"""The whole stack on this machine: endpoint, migrations, broker, registry, collectors; started and ended in order."""

import json
import os
import re
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, Protocol
from urllib.request import urlopen

from pydantic import SecretStr

from services.baselines.clickhouse import RegistryStore
from services.baselines.kafka import RegistryKafka
from services.baselines.registry import Registry
from services.cli.probing import text_of
from services.embedded.broker import Broker
from services.embedded.endpoint_process import EndpointProcess
from services.runtime import clickhouse
from services.runtime.errors import FrigjortError
from services.runtime.migrations import migrate
from services.runtime.processes import KEEP_MEMORY, Child
from services.runtime.settings import ClickHouseSettings, KafkaSettings

WRITER: Final = "frigjort_writer"
AUDITOR: Final = "frigjort_auditor"
_LAG: Final = re.compile(r"^frigjort_collector_lag_records\{.*\} ([0-9.e+]+)$", re.MULTILINE)
_BUFFERED: Final = re.compile(r"^frigjort_collector_buffered_records ([0-9.e+]+)$", re.MULTILINE)


class NotReady(FrigjortError):
    """A collector did not become ready."""


class StackBroker(Protocol):
    """What the stack needs of a broker: to start and end it, its processes, and how its clients are set."""

    @property
    def settings(self) -> KafkaSettings:
        """How to reach it, whether it knows idempotent producers, and how many replicas its topics have."""

    @property
    def children(self) -> Sequence[Child]:
        """Its processes."""

    def start(self) -> None:
        """Starts it and waits until it answers. Raises `ChildFailed`."""

    def stop(self) -> None:
        """Ends it."""


def embedded_broker(data: Path, port: int) -> StackBroker:
    """The broker of a stack on this data folder; port 0 takes a free one."""
    return Broker(data / "logs" / "broker.log", port)


@dataclass(slots=True)
class Stack:
    """The processes of one data folder. `say` hears each step; `prepare` runs before the first collector starts."""

    data: Path
    kafka_port: int = 0
    clickhouse_port: int = 0
    metrics_port: int = 0
    collectors: int = 1
    say: Callable[[str], None] = lambda _: None
    prepare: Callable[[Registry], None] = lambda _: None
    environment: dict[str, str] = field(default_factory=dict)
    new_broker: Callable[[Path, int], StackBroker] = embedded_broker
    endpoint: EndpointProcess | None = None
    broker: StackBroker | None = None
    collector_processes: list[Child] = field(default_factory=list)
    metrics: list[str] = field(default_factory=list)
    progress: Child | None = None

    def start(self) -> dict[str, Any]:
        """Starts everything; what a client needs to know, as one JSON object. Raises `FrigjortError`."""
        self.data.mkdir(parents=True, exist_ok=True)
        keys = self._secrets()
        logs = self.data / "logs"
        self.say("ClickHouse endpoint")
        self.endpoint = EndpointProcess(
            self.data / "clickhouse", keys["writer"], keys["auditor"], logs / "endpoint.log", self.clickhouse_port
        )
        self.endpoint.start()
        self.say("migrations")
        for _ in migrate(self.clickhouse_settings(keys)):
            pass
        self.say("Kafka broker")
        self.broker = self.new_broker(self.data, self.kafka_port)
        self.broker.start()
        self.say("registry")
        registry = self.registry(keys)
        registry.log.ensure_shared_topics()
        registry.bind_topics([entry["authority"] for entry in registry.store.authorities()])
        registry.republish()
        self.prepare(registry)
        self.start_progress(keys)
        self.say("collector")
        for number in range(self.collectors):
            self.start_collector(number, keys)
        ready = self._ready(keys)
        state = self.data / "stack.json"
        state.touch(mode=0o600)
        state.write_text(json.dumps(ready), encoding="utf-8")
        return ready

    def _ready(self, keys: dict[str, str]) -> dict[str, Any]:
        kafka = self.kafka_settings()
        return {
            "kafka": kafka.bootstrap_servers,
            "kafka_settings": kafka.model_dump(exclude={"bootstrap_servers"}),
            "clickhouse": self.endpoint.url if self.endpoint else "",
            "writer": {"user": WRITER, "password": keys["writer"]},
            "auditor": {"user": AUDITOR, "password": keys["auditor"]},
            "metrics": [f"{url}/metrics" for url in (*self.metrics, *self._others())],
        }

    def _others(self) -> list[str]:
        """Base URLs of what is no collector."""
        progress = [str(self.progress.announcement(60.0)["url"])] if self.progress else []
        return [*progress, self.endpoint.url if self.endpoint else ""]

    def _secrets(self) -> dict[str, str]:
        """Passwords and the key of the salts, made once per data folder and kept in it, for its owner alone."""
        file = self.data / "secrets.json"
        if not file.exists():
            file.touch(mode=0o600)
            names = ("writer", "auditor", "collector")
            file.write_text(json.dumps({name: secrets.token_urlsafe(32) for name in names}), encoding="utf-8")
        kept: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return kept

    def clickhouse_settings(self, keys: dict[str, str] | None = None) -> ClickHouseSettings:
        """How to reach the endpoint as the writer."""
        password = (keys or self._secrets())["writer"]
        return ClickHouseSettings(
            url=self.endpoint.url if self.endpoint else "", user=WRITER, password=SecretStr(password)
        )

    def kafka_settings(self) -> KafkaSettings:
        """How to reach the broker."""
        return self.broker.settings if self.broker else KafkaSettings(bootstrap_servers="")

    def registry(self, keys: dict[str, str] | None = None) -> Registry:
        """The registry's writer."""
        client = clickhouse.connect(self.clickhouse_settings(keys))
        return Registry(RegistryStore(client), RegistryKafka(self.kafka_settings()))

    def start_collector(self, number: int, keys: dict[str, str] | None = None, seconds: float = 60.0) -> Child:
        """Starts a collector and waits until it is ready."""
        child, url = self.launch_collector(number, keys, seconds)
        child.wait_until(lambda: _answers(f"{url}/readyz"), seconds)
        self.metrics.append(url)
        return child

    def launch_collector(
        self,
        number: int,
        keys: dict[str, str] | None = None,
        seconds: float = 60.0,
        module: str = "services.collector",
    ) -> tuple[Child, str]:
        """Starts a collector, and waits for its base URL alone: it may never become ready."""
        environment = self.collector_environment(number, keys)
        log = self.data / "logs" / f"collector-{number}.log"
        child = Child(f"collector {number}", [sys.executable, "-m", module], log, environment)
        child.start()
        self.collector_processes.append(child)
        return child, str(child.announcement(seconds)["url"])

    def collector_environment(self, number: int, keys: dict[str, str] | None = None) -> dict[str, str]:
        """The environment of a collector of this stack."""
        known = keys or self._secrets()
        return {
            **KEEP_MEMORY,
            **self._neighbours(WRITER, known["writer"]),
            "FRIGJORT_COLLECTOR_SECRET": known["collector"],
            "FRIGJORT_COLLECTOR_SESSION_TIMEOUT_MS": "6000",  # the embedded broker lets a joining member wait for half of it
            "FRIGJORT_COLLECTOR_PORT": str(self.metrics_port + number if self.metrics_port else 0),
            **self.environment,
        }

    def start_progress(self, keys: dict[str, str] | None = None) -> None:
        """Starts the progress service, as the writer, since it seals; it is not waited for."""
        known = keys or self._secrets()
        environment = {
            **self._neighbours(WRITER, known["writer"]),
            "FRIGJORT_PROGRESS_PORT": "0",
            "FRIGJORT_PROGRESS_INTERVAL_SECONDS": "15",
            "FRIGJORT_PROGRESS_FIGURE_INTERVAL_SECONDS": "5",
            **self.environment,
        }
        log = self.data / "logs" / "progress.log"
        self.progress = Child("progress", [sys.executable, "-m", "services.progress"], log, environment)
        self.progress.start()

    def _neighbours(self, user: str, password: str) -> dict[str, str]:
        """Environment of a process that reaches Kafka and ClickHouse."""
        return {
            **os.environ,  # noqa: TID251 - a child inherits its parent's environment
            **{KafkaSettings.variables()[name]: str(value) for name, value in self.kafka_settings()},
            "FRIGJORT_CLICKHOUSE_URL": self.endpoint.url if self.endpoint else "",
            "FRIGJORT_CLICKHOUSE_USER": user,
            "FRIGJORT_CLICKHOUSE_PASSWORD": password,
        }

    def lag(self) -> int:
        """Records that the collectors have not stored yet, by their own metrics."""
        total = 0.0
        for url in self.metrics:
            text = text_of(f"{url}/metrics")
            total += sum(float(value) for value in [*_LAG.findall(text), *_BUFFERED.findall(text)])
        return int(total)

    def drain(self, seconds: float = 60.0) -> bool:
        """Waits until nothing is left to store; whether that came in time."""
        deadline = monotonic() + seconds
        quiet = 0
        while quiet < 3 and monotonic() < deadline:
            quiet = quiet + 1 if self.lag() == 0 else 0
            sleep(0.6)
        return quiet >= 3

    def stop(self) -> None:
        """Ends everything, from the reader to the stores."""
        for child in self.collector_processes:
            self.say(child.name)
            child.stop(30.0)
        if self.progress is not None:
            self.progress.stop()
        if self.broker is not None:
            self.broker.stop()
        if self.endpoint is not None:
            self.endpoint.stop()
        (self.data / "stack.json").unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
