"""Settings of the progress service, from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class ProgressSettings(Settings):
    """What the progress service may be told. Every name carries its unit."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_PROGRESS_")

    interval_seconds: Annotated[float, Field(ge=1)] = 60.0
    seal_interval_seconds: Annotated[float, Field(ge=0)] = 300.0
    seal_file: str = ""
    rollup_interval_seconds: Annotated[float, Field(ge=0)] = 2.0
    rollup_sweep_interval_seconds: Annotated[float, Field(ge=1)] = 300.0
    figure_interval_seconds: Annotated[float, Field(ge=0)] = 60.0
    group_id: str = "frigjort-collector"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 9465
    log_level: str = "INFO"
