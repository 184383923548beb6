"""The event as a good engineer would model it for a peer: plain pydantic, its own native types, the same fields."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from contracts.identifiers import is_cvr

COLUMNS = (
    *(
        "authority",
        "task",
        "revision",
        "kind",
        "day",
        "started_at",
        "completed_at",
        "task_type",
        "complexity",
        "time_basis",
    ),
    *(
        "assistance",
        "assignment",
        "arm",
        "origin",
        "outcome",
        "work",
        "audience",
        "cluster",
        "cluster_kind",
        "active_ms",
    ),
    *("review_ms", "rework_ms", "status", "counted_active_ms", "capped", "effort_ms", "credit_ms", "saved_ms"),
)


def _cvr(value: str) -> str:
    if not is_cvr(value):
        raise ValueError("not a CVR number")
    return value


class Use(BaseModel):
    """Use of a model."""

    model_config = ConfigDict(extra="forbid")
    provider: str = Field(alias="gen_ai.provider.name")
    request_model: str = Field(alias="gen_ai.request.model")
    output_tokens: int | None = Field(default=None, alias="gen_ai.usage.output_tokens")


class Data(BaseModel):
    """A finished task."""

    model_config = ConfigDict(extra="forbid")
    authority: Annotated[str, AfterValidator(_cvr)]
    task: str
    revision: int = Field(ge=1)
    task_type: str
    complexity: Literal["low", "medium", "high", "unspecified"]
    started_at: AwareDatetime
    completed_at: AwareDatetime
    active_ms: int = Field(ge=0)
    review_ms: int | None
    rework_ms: int | None
    time_basis: Literal["measured", "elapsed", "self_reported"]
    assistance: Literal["none", "suggestion", "draft", "decision_support", "automation"]
    assignment: Literal["random", "eligible", "chosen"]
    origin: Literal["pre_existing", "induced"]
    outcome: Literal["completed", "abandoned", "escalated"]
    work: Literal["administrative", "core"]
    audience: Literal["citizen", "business", "internal"]
    arm: Literal["treatment", "control"] | None = None
    assigned_at: AwareDatetime | None = None
    cluster: str | None = None
    cluster_kind: str | None = None
    ai: Use | None = None


class Event(BaseModel):
    """A CloudEvent in structured mode."""

    model_config = ConfigDict(extra="forbid")
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    partitionkey: str
    time: datetime
    datacontenttype: str
    dataschema: str
    data: Data


def row(event: Event, means: dict[tuple[str, str], int]) -> list[Any]:
    """The measured row of an event: the arithmetic of the measure, without its proofs."""
    data = event.data
    effort = data.active_ms + (data.review_ms or 0) + (data.rework_ms or 0)
    mean = means.get((data.task_type, data.complexity)) if data.outcome == "completed" else None
    saved = (mean or 0) - effort
    return [
        *(data.authority, data.task, data.revision, 1, data.completed_at.date(), data.started_at, data.completed_at),
        *(
            data.task_type,
            data.complexity,
            data.time_basis,
            data.assistance,
            data.assignment,
            data.arm or "",
            data.origin,
        ),
        *(data.outcome, data.work, data.audience, data.cluster or "", data.cluster_kind or "", data.active_ms),
        *(data.review_ms, data.rework_ms, "measured", data.active_ms, 0, effort, mean, saved),
    ]
