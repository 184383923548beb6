"""A real stack: the embedded broker or Apache Kafka, the ClickHouse engine behind HTTP, a collector. Started and ended by the test that asks."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from services.cli.demo import case_systems, offices
from services.cli.stack import Stack, StackBroker, embedded_broker
from services.embedded.endpoint_process import EndpointProcess
from services.runtime.clickhouse import connect
from services.runtime.migrations import migrate
from services.runtime.settings import ClickHouseSettings
from tests.brokers.kafka import KafkaBroker
from tests.integration.delivering import Database

_NUMBERS = count(1)
PUBLISH_NOTHING = {f"FRIGJORT_PROGRESS_{what}_INTERVAL_SECONDS": "0" for what in ("ROLLUP", "FIGURE")}
AUTHORITY = "10000009"
OTHER = "10000025"


class Running:
    """A started stack and what a client needs."""

    def __init__(self, stack: Stack, ready: dict[str, Any]) -> None:
        self.stack = stack
        self.ready = ready

    def client(self, user: str = "writer") -> Client:
        known = self.ready[user]
        return clickhouse_connect.get_client(
            dsn=self.stack.endpoint.url if self.stack.endpoint else "",
            username=known["user"],
            password=known["password"],
            database="frigjort",
            autogenerate_session_id=False,
        )

    def rows(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.client().query(sql, parameters=parameters).result_rows]

    def value(self, sql: str, **parameters: Any) -> Any:
        return self.rows(sql, **parameters)[0][0]


def register(registry: Any) -> None:
    """Two authorities and the synthetic national baselines."""
    if registry.store.authorities():
        return
    now = datetime.now(UTC)
    registry.add_authorities(
        [
            {"authority": AUTHORITY, "name": "Eksempel Kommune", "sector": "municipality"},
            {"authority": OTHER, "name": "Anden Kommune", "sector": "municipality"},
        ],
        now,
    )
    offices.publish(registry, case_systems.baselines(), now)


def apache_kafka(data: Path, port: int) -> StackBroker:
    """Apache Kafka for a stack on this data folder."""
    return KafkaBroker(data / "kafka", port)


@pytest.fixture(params=["embedded", "kafka"])
def new_broker(request: pytest.FixtureRequest) -> Callable[[Path, int], StackBroker]:
    """The broker of the test's stacks; a test of one alone says `on_embedded` or `on_kafka`."""
    if request.param == "embedded":
        return embedded_broker
    request.getfixturevalue("kafka_jars")
    return apache_kafka


on_embedded = pytest.mark.parametrize("new_broker", ["embedded"], indirect=True)
on_kafka = pytest.mark.parametrize("new_broker", ["kafka"], indirect=True)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ClickHouse's folder with the schema: a stack that begins with a copy of it has nothing to migrate."""
    folder = tmp_path_factory.mktemp("migrated")
    endpoint = EndpointProcess(folder / "clickhouse", "w" * 20, "a" * 20, folder / "endpoint.log")
    url = endpoint.start()
    try:
        for _ in migrate(ClickHouseSettings(url=url, user="frigjort_writer", password=SecretStr("w" * 20))):
            pass
    finally:
        endpoint.stop()
    return folder / "clickhouse"


@pytest.fixture
def start_stack(
    tmp_path: Path, migrated: Path, new_broker: Callable[[Path, int], StackBroker]
) -> Iterator[Callable[..., Running]]:
    """Starts stacks on folders of the test; ends them all. They publish nothing but where a test asks for it: two dozen of
    them a minute would keep the machine from what the tests are about."""
    started: list[Stack] = []

    def start(
        name: str = "data",
        prepare: Callable[[Any], None] = register,
        environment: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Running:
        asked = {**PUBLISH_NOTHING, **(environment or {})}
        if not (tmp_path / name).exists():
            shutil.copytree(migrated, tmp_path / name / "clickhouse", symlinks=True)
        stack = Stack(tmp_path / name, prepare=prepare, new_broker=new_broker, environment=asked, **options)
        started.append(stack)
        return Running(stack, stack.start())

    yield start
    for stack in started:
        stack.stop()


@pytest.fixture(scope="session")
def database_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    """The writer of an endpoint that the tests with a database of their own share."""
    folder = tmp_path_factory.mktemp("databases")
    endpoint = EndpointProcess(folder / "data", "w" * 20, "a" * 20, folder / "endpoint.log")
    try:
        url = endpoint.start()
        yield ClickHouseSettings(url=url, user="frigjort_writer", password=SecretStr("w" * 20))
    finally:
        endpoint.stop()


@pytest.fixture
def new_database(database_settings: ClickHouseSettings) -> Iterator[Callable[[], Database]]:
    """Makes databases with the schema and without rows."""
    made: list[str] = []

    def make() -> Database:
        name = f"test_{next(_NUMBERS)}"
        made.append(name)
        return Database(database_settings.model_copy(update={"database": name}))

    yield make
    for name in made:
        connect(database_settings, database="default").command(f"DROP DATABASE {name}")


@pytest.fixture(scope="session")
def auditor_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """An endpoint with the schema and without rows: its URL, and the auditor's credentials as curl wants them."""
    folder = tmp_path_factory.mktemp("endpoint")
    endpoint = EndpointProcess(folder / "data", "w" * 20, "a" * 20, folder / "endpoint.log")
    url = endpoint.start()
    try:
        settings = ClickHouseSettings(url=url, user="frigjort_writer", password=SecretStr("w" * 20))
        assert all(now for _, now in migrate(settings))
        assert not any(now for _, now in migrate(settings))
        yield url, "frigjort_auditor:" + "a" * 20
    finally:
        endpoint.stop()
