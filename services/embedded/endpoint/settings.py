"""Settings of the endpoint."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class EndpointSettings(Settings):
    """Where the data are, who may come in."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_ENDPOINT_")

    data_path: Path
    writer_user: str = "frigjort_writer"
    writer_password: SecretStr
    auditor_user: str = "frigjort_auditor"
    auditor_password: SecretStr
    database: str = "frigjort"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8123
    writer_sessions: Annotated[int, Field(ge=1, le=32)] = 4
    auditor_sessions: Annotated[int, Field(ge=1, le=32)] = 4
    query_log_days: Annotated[int, Field(ge=1)] = 30
    log_level: str = "INFO"
