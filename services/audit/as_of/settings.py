"""Settings of what an auditor asks, from the environment."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import Settings


class AuditSettings(Settings):
    """What the audit commands may be told. Every name carries its unit."""

    model_config = SettingsConfigDict(env_prefix="FRIGJORT_AUDIT_")

    clock_tolerance_seconds: Annotated[float, Field(ge=0)] = 60.0
