"""The base of all settings: from the environment, validated at start, frozen, unknown names refused, secrets masked."""

import os
import re
from typing import Any, Literal, Self

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.errors import Misconfigured


class Settings(BaseSettings):
    """A frozen group of settings with an environment prefix of its own."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @classmethod
    def variables(cls) -> dict[str, str]:
        """The name of each field to the name of its environment variable."""
        prefix = cls.model_config.get("env_prefix", "")
        return {name: (prefix + name).upper() for name in cls.model_fields}

    @classmethod
    def given(cls) -> set[str]:
        """The variables in the environment that begin with the prefix of this group."""
        prefix = cls.model_config.get("env_prefix", "")
        return {name.upper() for name in os.environ if name.upper().startswith(prefix)}

    @classmethod
    def load(cls) -> Self:
        """The settings in the environment. Raises `Misconfigured` for a wrong, missing or unknown one."""
        variables = cls.variables()
        unknown = sorted(cls.given() - set(variables.values()))
        if unknown:
            raise Misconfigured(unknown[0], f"unknown setting; known are {', '.join(sorted(variables.values()))}")
        try:
            return cls()
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = variables[str(first["loc"][0])] if first["loc"] else cls.model_config.get("env_prefix", "")
            raise Misconfigured(name, first["msg"]) from None

    def masked(self) -> dict[str, Any]:
        """The settings as they may be logged: neither secrets nor a password inside an address."""
        return {name: _without_userinfo(value) for name, value in self.model_dump(mode="json").items()}


def _without_userinfo(value: Any) -> Any:
    return re.sub(r"//[^/@]*@", "//**********@", value) if isinstance(value, str) else value


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
    exact_end_offsets: bool = True  # off for the embedded broker, which lists the end of a log too low
    commit_metadata: bool = True  # off for the embedded broker, which forgets what a commit says beside the offset
    replication_factor: int = 1
