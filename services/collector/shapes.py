"""The shapes that the fast decoder reads: the contract's task state events, field for field.

A test holds them against the pydantic models: same names, same optional fields, same ranges.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from contracts.fields import MAX_COUNT, MAX_DURATION_MS
from contracts.tasks import (
    Arm,
    Assignment,
    Assistance,
    Audience,
    ClusterKind,
    Complexity,
    Origin,
    Outcome,
    TimeBasis,
    Work,
)

_Duration = Annotated[int, Meta(ge=0, le=MAX_DURATION_MS)]
_Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
_StateType = Literal["dk.frigjort.task.completed.v1", "dk.frigjort.task.corrected.v1", "dk.frigjort.task.reopened.v1"]


class ModelUse(
    msgspec.Struct,
    forbid_unknown_fields=True,
    gc=False,
    rename={
        "provider": "gen_ai.provider.name",
        "request_model": "gen_ai.request.model",
        "operation": "gen_ai.operation.name",
        "input_tokens": "gen_ai.usage.input_tokens",
        "output_tokens": "gen_ai.usage.output_tokens",
    },
):
    """`contracts.tasks.ModelUse`."""

    provider: str
    request_model: str
    operation: str | None = None
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None


class State(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """`contracts.tasks.TaskState`; timestamps are still text."""

    authority: str
    task: str
    revision: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    task_type: str
    complexity: Complexity
    started_at: str
    completed_at: str
    active_ms: _Duration
    review_ms: _Duration | None
    rework_ms: _Duration | None
    time_basis: TimeBasis
    assistance: Assistance
    assignment: Assignment
    origin: Origin
    outcome: Outcome
    work: Work
    audience: Audience
    arm: Arm | None = None
    assigned_at: str | None = None
    study: str | None = None
    stratum: str | None = None
    predicted_without_ai_ms: _Duration | None = None
    predicted_with_ai_ms: _Duration | None = None
    predicted_at: str | None = None
    programme: str | None = None
    cluster: str | None = None
    cluster_kind: ClusterKind | None = None
    ai: ModelUse | None = None


class Head(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The CloudEvents attributes of a task state event in binary mode."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: _StateType
    subject: str
    time: str
    partitionkey: str
    dataschema: str
    datacontenttype: Literal["application/json"] | None = None
    sequence: str | None = None
    recordedtime: str | None = None


class StructuredEvent(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The same event in structured mode: the attributes and the data in one object."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: _StateType
    subject: str
    time: str
    partitionkey: str
    dataschema: str
    data: State
    datacontenttype: Literal["application/json"] | None = None
    sequence: str | None = None
    recordedtime: str | None = None


HEAD_REQUIRED: Final = 9
"""Keys that every structured event has, `data` among them."""
STATE_REQUIRED: Final = 17
"""Keys that every task state has."""
MODEL_USE_REQUIRED: Final = 2
"""Keys that every `ai` block has."""
