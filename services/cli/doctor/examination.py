"""The checks in their order, each with what it needs; what cannot be asked is not guessed."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Final

from clickhouse_connect.driver.client import Client

from contracts import topics
from services.baselines.clickhouse import RegistryStore
from services.baselines.kafka import RegistryKafka
from services.cli.doctor import checks
from services.cli.doctor import clickhouse as asked
from services.cli.doctor.checks import Finding, State
from services.cli.probing import readiness
from services.runtime import clickhouse
from services.runtime.clickhouse import INSERT_SETTINGS
from services.runtime.errors import FrigjortError
from services.runtime.kafka import Partition
from services.runtime.migrations import standing
from services.runtime.settings import ClickHouseSettings, KafkaSettings

KAFKA: Final = "Kafka answers"
CLICKHOUSE: Final = "ClickHouse answers"
MIGRATIONS: Final = "migrations"


@dataclass(frozen=True, slots=True)
class Check:
    """A check by its name, and what it found."""

    name: str
    finding: Finding

    def as_json(self) -> dict[str, str]:
        """The same for a machine."""
        found = self.finding
        return {"check": self.name, "state": found.state.value, "cause": found.cause, "remedy": found.remedy}


@dataclass(frozen=True, slots=True)
class _Step:
    name: str
    needs: tuple[str, ...]
    find: Callable[[], Finding]


@dataclass(frozen=True)
class Examination:
    """One examination of an installation. `addresses`: base URLs of processes with /readyz."""

    kafka: KafkaSettings
    database: ClickHouseSettings
    addresses: Sequence[str] = field(default=())

    def checks(self) -> Iterator[Check]:
        """Each check as it is done."""
        well: set[str] = set()
        for step in self._steps():
            missing = [name for name in step.needs if name not in well]
            found = Finding(State.NOT_CHECKED, f"needs: {missing[0]}") if missing else _found(step.find)
            if found.state == State.OK:
                well.add(step.name)
            yield Check(step.name, found)

    def _steps(self) -> Iterator[_Step]:
        yield _Step(KAFKA, (), self._kafka_answers)
        yield _Step(CLICKHOUSE, (), self._clickhouse_answers)
        yield _Step("ClickHouse version", (CLICKHOUSE,), lambda: checks.clickhouse_version(self._version))
        yield _Step(MIGRATIONS, (CLICKHOUSE,), lambda: checks.migrations_current(standing(self._client)))
        yield _Step("insert settings", (CLICKHOUSE,), self._insert_settings)
        yield _Step("durable tables", (MIGRATIONS,), lambda: checks.durable_tables(asked.engines(self._client)))
        both = (KAFKA, MIGRATIONS)
        yield _Step("topics exist", both, lambda: checks.topics_exist(self._topics, self._authorities))
        yield _Step("cleanup policies", both, lambda: checks.cleanup_policies(self._configs))
        yield _Step("transactions", (KAFKA,), self._transactions)
        yield _Step("timestamp types", both, lambda: checks.timestamp_types(self._configs))
        yield _Step("registry", both, self._registry)
        yield _Step("registry writers", (MIGRATIONS,), self._writers)
        yield _Step("log bindings", both, self._log_bindings)
        for url in self.addresses:
            yield _Step(f"ready: {url}", (), partial(_readiness, url))

    @cached_property
    def _client(self) -> Client:
        return clickhouse.connect(self.database)

    @cached_property
    def _store(self) -> RegistryStore:
        return RegistryStore(self._client)

    @cached_property
    def _log(self) -> RegistryKafka:
        return RegistryKafka(self.kafka)

    @cached_property
    def _partitions(self) -> list[Partition]:
        return [(name, number) for name, count in self._log.metadata.partitions().items() for number in range(count)]

    @cached_property
    def _topics(self) -> set[str]:
        return {name for name, _ in self._partitions}

    @cached_property
    def _version(self) -> str:
        return asked.version(self._client)

    @cached_property
    def _authorities(self) -> list[str]:
        return [str(entry["authority"]) for entry in self._store.authorities()]

    @cached_property
    def _configs(self) -> dict[str, dict[str, str]]:
        inputs = {name for name in self._topics if name.startswith(topics.TASKS_PREFIX)}
        shared = {topics.BASELINES, topics.REJECTED, topics.SEALS} & self._topics
        return self._log.metadata.configs(inputs | shared)

    def _kafka_answers(self) -> Finding:
        _ = self._topics
        return checks.ok(self.kafka.bootstrap_servers)

    def _clickhouse_answers(self) -> Finding:
        _ = self._version
        return checks.ok(str(self.database.masked()["url"]))

    def _insert_settings(self) -> Finding:
        return checks.insert_settings(INSERT_SETTINGS, asked.effective_insert_settings(self._client))

    def _transactions(self) -> Finding:
        inputs = [place for place in self._partitions if place[0].startswith(topics.TASKS_PREFIX)]
        ends = self._log.metadata.ends(inputs)
        return checks.transactions(ends, self._log.metadata.stable_ends(inputs))

    def _registry(self) -> Finding:
        told = self._log.told() if topics.BASELINES in self._topics else []
        return checks.registry_agrees(self._store.payloads(), told)

    def _writers(self) -> Finding:
        return checks.writers(self._store.open_claims(), datetime.now(UTC))

    def _log_bindings(self) -> Finding:
        names = set(map(topics.tasks_topic, self._authorities)) & self._topics
        return checks.log_bindings(self._store.bound(), self._log.topic_ids(names) if names else {})


def _found(find: Callable[[], Finding]) -> Finding:
    try:
        return find()
    except FrigjortError as error:
        return checks.of_error(error)


def _readiness(url: str) -> Finding:
    found = readiness(url)
    return checks.readiness(url, found.status, found.problems)
