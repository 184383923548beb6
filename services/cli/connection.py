"""Where the commands find Kafka and ClickHouse: the environment, else the stack that `frigjort up` runs."""

import json
import os
from pathlib import Path

from pydantic import SecretStr

from services.baselines.clickhouse import RegistryStore
from services.baselines.kafka import RegistryKafka
from services.baselines.registry import Registry
from services.runtime import clickhouse
from services.runtime.errors import Misconfigured
from services.runtime.settings import ClickHouseSettings, KafkaSettings


def settings(data: Path) -> tuple[KafkaSettings, ClickHouseSettings]:
    """The settings in force. Raises `Misconfigured` where there are none."""
    if "FRIGJORT_CLICKHOUSE_PASSWORD" in os.environ:  # noqa: TID251 - which of two sources of settings
        return KafkaSettings.load(), ClickHouseSettings.load()
    state = data / "stack.json"
    if not state.exists():
        raise Misconfigured(
            str(state),
            "no stack runs on this folder: start `frigjort up`, or set FRIGJORT_KAFKA_… and FRIGJORT_CLICKHOUSE_…",
        )
    known = json.loads(state.read_text(encoding="utf-8"))
    writer = known["writer"]
    return (
        KafkaSettings(bootstrap_servers=known["kafka"], idempotent_producer=False),
        ClickHouseSettings(url=known["clickhouse"], user=writer["user"], password=SecretStr(writer["password"])),
    )


def registry(data: Path) -> Registry:
    """The registry's writer over these settings."""
    kafka, database = settings(data)
    return Registry(RegistryStore(clickhouse.connect(database)), RegistryKafka(kafka))
