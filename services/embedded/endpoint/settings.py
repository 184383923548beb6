"""Settings of the endpoint."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings

Password = Annotated[SecretStr, Field(min_length=8)]


class EndpointSettings(Settings):
    """Where the data are, who may come in, and how much of the machine a client may have."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_ENDPOINT_")

    data_path: Path
    writer_user: Annotated[str, Field(min_length=1)] = "frigjort_writer"
    writer_password: Password
    auditor_user: Annotated[str, Field(min_length=1)] = "frigjort_auditor"
    auditor_password: Password
    database: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = "frigjort"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8123
    writer_queries: Annotated[int, Field(ge=1, le=64)] = 8
    auditor_queries: Annotated[int, Field(ge=1, le=64)] = 4
    auditor_query_seconds: Annotated[int, Field(ge=1)] = 300
    auditor_query_memory_bytes: Annotated[int, Field(ge=1)] = 4 * 1024**3
    memory_limit_bytes: Annotated[int, Field(ge=0)] = 0  # 0: nine tenths of the machine's, as the engine decides
    max_query_bytes: Annotated[int, Field(ge=1)] = 16 * 1024**2
    insert_piece_bytes: Annotated[int, Field(ge=1)] = 8 * 1024**2
    stalled_client_seconds: Annotated[float, Field(gt=0)] = 120.0
    stop_seconds: Annotated[float, Field(ge=0)] = 15.0
    query_log_seconds: Annotated[float, Field(gt=0)] = 5.0
    query_log_days: Annotated[int, Field(ge=1)] = 30
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _two_users(self) -> Self:
        if self.writer_user == self.auditor_user:
            raise ValueError("writer and auditor are two users")
        return self
