"""Data of the task events: completed, corrected and reopened carry a whole state; retracted takes a task back."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.codes import RejectionCode
from contracts.fields import (
    OR_ABSENT,
    Closed,
    Count,
    Cvr,
    DurationMs,
    Revision,
    TaskType,
    Timestamp,
    Token,
    fault,
)

Complexity = Literal["low", "medium", "high", "unspecified"]
TimeBasis = Literal["measured", "elapsed", "self_reported"]
Assistance = Literal["none", "suggestion", "draft", "decision_support", "automation"]
Arm = Literal["treatment", "control"]
Assignment = Literal["random", "eligible", "chosen"]
Origin = Literal["pre_existing", "induced"]
Outcome = Literal["completed", "abandoned", "escalated"]
Work = Literal["administrative", "core"]
Audience = Literal["citizen", "business", "internal"]
ClusterKind = Literal["case", "team", "worker"]


class ModelUse(Closed):
    """Use of a generative model, in OpenTelemetry GenAI names. Counts and names only, never content."""

    provider: Annotated[Token, Field(alias="gen_ai.provider.name", description="For example azure.ai.openai")]
    request_model: Annotated[Token, Field(alias="gen_ai.request.model")]
    operation: Annotated[Token | None, OR_ABSENT, Field(alias="gen_ai.operation.name")] = None
    input_tokens: Annotated[Count | None, OR_ABSENT, Field(alias="gen_ai.usage.input_tokens")] = None
    output_tokens: Annotated[Count | None, OR_ABSENT, Field(alias="gen_ai.usage.output_tokens")] = None


class TaskState(Closed):
    """The whole state of a finished task at one revision. Times are milliseconds of human work, never waiting time."""

    authority: Annotated[Cvr, Field(description="CVR number of the authority; equals the topic's")]
    task: Annotated[Token, Field(description="Opaque id of the task in its case system; equals the event's subject")]
    revision: Annotated[
        Revision,
        Field(description="Rises with every event of the task; at least 2 in corrected and reopened"),
    ]
    task_type: Annotated[TaskType, Field(description="kle:27.35.04 (facet -G01 optional), form:… or local:…")]
    complexity: Annotated[Complexity, Field(description="Known before the work begins")]
    started_at: Timestamp
    completed_at: Timestamp
    active_ms: Annotated[DurationMs, Field(description="Active human working time, milliseconds")]
    review_ms: Annotated[DurationMs | None, Field(description="Checking AI output; null: unknown, which is not zero")]
    rework_ms: Annotated[
        DurationMs | None,
        Field(description="Correcting, cumulative over all revisions; null: unknown, which is not zero"),
    ]
    time_basis: Annotated[
        TimeBasis, Field(description="elapsed: clock time from start to completion, subject to the idle cap")
    ]
    assistance: Annotated[Assistance, Field(description="How AI took part")]
    assignment: Annotated[Assignment, Field(description="How it was decided whether AI takes part")]
    origin: Annotated[Origin, Field(description="induced: the task exists only because of AI; it gets no credit")]
    outcome: Outcome
    work: Work
    audience: Audience
    arm: Annotated[Arm | None, OR_ABSENT, Field(description="Drawn before the work began; else absent")] = None
    assigned_at: Annotated[
        Timestamp | None, OR_ABSENT, Field(description="When the arm was drawn; not after started_at")
    ] = None
    study: Annotated[Token | None, OR_ABSENT, Field(description="Registered trial")] = None
    stratum: Annotated[Token | None, OR_ABSENT, Field(description="Stratum of the draw; needs study")] = None
    predicted_without_ai_ms: Annotated[DurationMs | None, OR_ABSENT] = None
    predicted_with_ai_ms: Annotated[DurationMs | None, OR_ABSENT] = None
    predicted_at: Annotated[Timestamp | None, OR_ABSENT, Field(description="When effort was predicted")] = None
    programme: Annotated[Token | None, OR_ABSENT] = None
    cluster: Annotated[
        Token | None,
        OR_ABSENT,
        Field(description="Opaque token of the case or team, made with a key that the source keeps and rotates yearly"),
    ] = None
    cluster_kind: Annotated[
        ClusterKind | None,
        OR_ABSENT,
        Field(description="With cluster; worker only within a registered study"),
    ] = None
    ai: Annotated[ModelUse | None, OR_ABSENT] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.completed_at < self.started_at:
            raise fault(RejectionCode.COMPLETED_BEFORE_STARTED)
        if self.assigned_at is not None and self.assigned_at > self.started_at:
            raise fault(RejectionCode.ASSIGNED_AFTER_START)
        contradictions = (
            (self.arm is None) != (self.assigned_at is None),
            self.arm is not None and self.assignment != "random",
            (self.cluster is None) != (self.cluster_kind is None),
            self.cluster_kind == "worker" and self.study is None,
            self.stratum is not None and self.study is None,
            self.predicted_at is None
            and (self.predicted_without_ai_ms is not None or self.predicted_with_ai_ms is not None),
        )
        if any(contradictions):
            raise fault(RejectionCode.INCONSISTENT)
        return self


class TaskRetraction(Closed):
    """A task that never should have been reported: it counts for nothing from this revision on."""

    authority: Cvr
    task: Token
    revision: Revision
    reason: Annotated[Token, Field(description="A token of the source's own list of reasons")]
