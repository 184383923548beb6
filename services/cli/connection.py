"""Where the commands find Kafka and ClickHouse: the environment, else the stack that `frigjort up` runs."""

import json
from pathlib import Path
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from pydantic import SecretStr

from services.baselines.clickhouse import MeasurementStore, RegistryStore
from services.baselines.controls_store import ControlStore
from services.baselines.in_scope.clickhouse import ScopeStore
from services.baselines.kafka import RegistryKafka
from services.baselines.registry import Registry
from services.collector.settings import CollectorSettings
from services.runtime import clickhouse
from services.runtime.errors import Misconfigured
from services.runtime.settings import ClickHouseSettings, KafkaSettings

_QUERY_SECONDS: Final = 600.0


def settings(data: Path, user: str = "writer") -> tuple[KafkaSettings, ClickHouseSettings]:
    """The settings in force; `user` of ClickHouse is writer or auditor, where the environment does not name him. Raises
    `Misconfigured` where there are none."""
    if _in_environment():
        return KafkaSettings.load(), ClickHouseSettings.load()
    known = _stack(data)
    login = known[user]
    return (
        KafkaSettings(bootstrap_servers=known["kafka"], **known["kafka_settings"]),
        ClickHouseSettings(url=known["clickhouse"], user=login["user"], password=SecretStr(login["password"])),
    )


def auditor(data: Path) -> Client:
    """A client of ClickHouse that may read and nothing else, and waits for as long as an auditor's query may take."""
    database = settings(data, "auditor")[1]
    patient = max(database.timeout_seconds, _QUERY_SECONDS)
    return clickhouse.connect(database.model_copy(update={"timeout_seconds": patient}))


def collector_secret(data: Path) -> bytes:
    """The key of the salts, the same as in every collector. Raises `Misconfigured` where there is none."""
    if _in_environment():
        return CollectorSettings.load().secret.get_secret_value().encode()
    _stack(data)
    known: dict[str, str] = json.loads((data / "secrets.json").read_text(encoding="utf-8"))
    return known["collector"].encode()


def web_addresses(data: Path) -> list[str]:
    """Base addresses of the processes of the stack on this folder; none where the settings come from elsewhere."""
    return [] if _in_environment() else [str(url).removesuffix("/metrics") for url in _stack(data)["metrics"]]


def _in_environment() -> bool:
    return ClickHouseSettings.variables()["password"] in ClickHouseSettings.given()


def _stack(data: Path) -> dict[str, Any]:
    state = data / "stack.json"
    if not state.exists():
        raise Misconfigured(
            str(state),
            "no stack runs on this folder: start `frigjort up`, or set FRIGJORT_KAFKA_… and FRIGJORT_CLICKHOUSE_…",
        )
    known: dict[str, Any] = json.loads(state.read_text(encoding="utf-8"))
    return known


def registry(data: Path) -> Registry:
    """The registry's writer over these settings."""
    kafka, database = settings(data)
    return Registry(RegistryStore(clickhouse.connect(database)), RegistryKafka(kafka))


def targets(data: Path) -> RegistryStore:
    """What is set in advance, over these settings."""
    return RegistryStore(clickhouse.connect(settings(data)[1]))


def measurements(data: Path) -> MeasurementStore:
    """What a restatement reads and writes, over these settings."""
    return MeasurementStore(clickhouse.connect(settings(data)[1]))


def in_scope(data: Path) -> ScopeStore:
    """The measured tasks of a scope, over these settings."""
    return ScopeStore(clickhouse.connect(settings(data)[1]))


def control_store(data: Path) -> ControlStore:
    """The control tasks that were received, as a user who may only read."""
    return ControlStore(auditor(data))
