"""Settings of the collector, from the environment."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class CollectorSettings(Settings):
    """What a collector may be told. Every name carries its unit."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_COLLECTOR_")

    secret: Annotated[SecretStr, Field(min_length=32, description="Key of the salts; the same in every collector")]
    group_id: str = "frigjort-collector"
    flush_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    flush_interval_ms: Annotated[int, Field(ge=1, le=60_000)] = 250
    buffer_rows: Annotated[int, Field(ge=1)] = 60_000
    poll_interval_ms: Annotated[int, Field(ge=1, le=10_000)] = 20
    metadata_max_age_ms: Annotated[int, Field(ge=1_000)] = 10_000
    session_timeout_ms: Annotated[int, Field(ge=6_000)] = 30_000
    drain_seconds: Annotated[float, Field(gt=0)] = 20.0
    brake_ratio: Annotated[float, Field(ge=0, le=1)] = 0.75
    brake_window_records: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    brake_run_records: Annotated[int, Field(ge=0, le=1_000_000)] = 500
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9464
    log_level: str = "INFO"
