"""The base of all settings: from the environment, validated at start, frozen, unknown names refused, secrets masked."""

import os
from typing import Any, Literal, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.errors import Misconfigured


class Settings(BaseSettings):
    """A frozen group of settings with an environment prefix of its own."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def load(cls) -> Self:
        """The settings in the environment. Raises `Misconfigured` for a wrong, missing or unknown one."""
        prefix = cls.model_config.get("env_prefix", "")
        known = {(prefix + name).upper() for name in cls.model_fields}
        unknown = sorted(name for name in os.environ if name.startswith(prefix) and name not in known)
        if unknown:
            raise Misconfigured(unknown[0], f"unknown setting; known are {', '.join(sorted(known))}")
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = (prefix + str(first["loc"][0])).upper() if first["loc"] else prefix
            raise Misconfigured(name, first["msg"]) from None

    def masked(self) -> dict[str, Any]:
        """The settings as they may be logged."""
        return self.model_dump(mode="json")


class ClickHouseSettings(Settings):
    """Where ClickHouse is and as whom to speak to it."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_CLICKHOUSE_")

    url: str = "http://127.0.0.1:8123"
    user: str = "frigjort_writer"
    password: SecretStr
    database: str = "frigjort"
    timeout_seconds: float = 30.0
    compression: Literal["none", "lz4", "zstd"] = "none"  # of inserts: none on one machine, lz4 over a network


class KafkaSettings(Settings):
    """Where Kafka is."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_KAFKA_")

    bootstrap_servers: str = "127.0.0.1:9092"
    idempotent_producer: bool = True  # off for the embedded broker, which does not know it
    replication_factor: int = 1
