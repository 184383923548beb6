"""Data of the registry's events: authorities and baselines. One writer numbers them; the number is the generation."""

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contracts.codes import RejectionCode
from contracts.fields import (
    OR_ABSENT,
    Closed,
    Count,
    Cvr,
    DurationMs,
    PositiveCount,
    Revision,
    Sha256,
    TaskType,
    Timestamp,
    Token,
    fault,
)

Generation = Annotated[int, Field(ge=1, le=2**53 - 1)]
Level = Literal["authority", "sector", "nation"]
Sector = Literal["state", "region", "municipality"]
BaselineComplexity = Literal["low", "medium", "high", "unspecified", "any"]
Method = Literal["randomised", "holdout", "concurrent", "history", "expert_estimate", "self_report"]
Grade = Literal["A", "B", "C", "D"]
GRADES: Final[tuple[Grade, ...]] = ("A", "B", "C", "D")
"""The best first."""

GRADE_OF_METHOD: dict[Method, Grade] = {
    "randomised": "A",
    "holdout": "A",
    "concurrent": "B",
    "history": "C",
    "expert_estimate": "D",
    "self_report": "D",
}
"""The grade follows from the method and cannot be typed in."""


class Evidence(Closed):
    """Where a baseline's numbers come from."""

    source: Annotated[Token, Field(description="Name of the data set; baselines of one source share its error")]
    sha256: Annotated[Sha256, Field(description="Digest of the source file")]
    window_from: Timestamp
    window_to: Timestamp


class ProposedBaseline(Closed):
    """Expected effort without AI for one scope, task type and complexity over a validity interval, as it is proposed."""

    baseline: Annotated[Token, Field(description="Identifier of the series; a new version replaces nothing before it")]
    version: Revision
    level: Level
    authority: Annotated[Cvr | None, OR_ABSENT, Field(description="Exactly with level authority")] = None
    sector: Annotated[Sector | None, OR_ABSENT, Field(description="Exactly with level sector")] = None
    task_type: TaskType
    complexity: BaselineComplexity
    valid_from: Timestamp
    valid_to: Annotated[Timestamp, Field(description="Exclusive")]
    expires_at: Timestamp
    n: PositiveCount
    clusters: PositiveCount
    mean_ms: Annotated[DurationMs, Field(description="Mean counted effort: the credit of a task")]
    standard_error_ms: Annotated[DurationMs, Field(description="Standard error of the mean, clustered")]
    median_ms: DurationMs
    p90_ms: DurationMs
    cap_ms: Annotated[DurationMs | None, OR_ABSENT, Field(description="Idle cap for elapsed time; absent: none")] = None
    mean_half_cap_ms: Annotated[
        DurationMs | None, OR_ABSENT, Field(description="The mean at half the idle cap; all four of these, or none")
    ] = None
    standard_error_half_cap_ms: Annotated[DurationMs | None, OR_ABSENT] = None
    mean_double_cap_ms: Annotated[
        DurationMs | None, OR_ABSENT, Field(description="The mean at double the idle cap")
    ] = None
    standard_error_double_cap_ms: Annotated[DurationMs | None, OR_ABSENT] = None
    between_authority_sd_ms: Annotated[
        DurationMs | None,
        OR_ABSENT,
        Field(description="tau: standard deviation between authorities, where borrowed"),
    ] = None
    method: Method
    evidence: Evidence
    proposed_by: Token

    @property
    def end(self) -> datetime:
        """Until when it is in force, exclusive."""
        return min(self.valid_to, self.expires_at)

    @property
    def grade(self) -> Grade:
        """A to D, from the method alone."""
        return GRADE_OF_METHOD[self.method]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        contradictions = (
            (self.level == "authority") != (self.authority is not None),
            (self.level == "sector") != (self.sector is not None),
            self.valid_to <= self.valid_from,
            self.clusters > self.n,
            self.evidence.window_to <= self.evidence.window_from,
            not self._holds_at_other_caps(),
        )
        if any(contradictions):
            raise fault(RejectionCode.INCONSISTENT)
        return self

    def _holds_at_other_caps(self) -> bool:
        """Whether what is said of other caps is said whole, of a baseline that has one, and of the same tasks: a lower cap
        never counts more of a task."""
        half, double = self.mean_half_cap_ms, self.mean_double_cap_ms
        errors = (self.standard_error_half_cap_ms, self.standard_error_double_cap_ms)
        if half is None or double is None or None in errors:
            return (half, double, *errors) == (None,) * 4
        return self.cap_ms is not None and half <= self.mean_ms <= double


class Baseline(ProposedBaseline):
    """Expected effort without AI for one scope, task type and complexity over a validity interval; immutable."""

    generation: Generation
    approved_by: Annotated[Token, Field(description="A second person")]

    @model_validator(mode="after")
    def _approved_by_another(self) -> Self:
        if self.proposed_by == self.approved_by:
            raise fault(RejectionCode.INCONSISTENT)
        return self


class BaselineWithdrawal(Closed):
    """A published version that must no longer be matched."""

    baseline: Token
    version: Revision
    generation: Generation
    reason: Token
    withdrawn_by: Token


class Authority(Closed):
    """A registered authority: its sector decides which shared baselines it may borrow."""

    authority: Cvr
    version: Revision
    generation: Generation
    name: Annotated[str, Field(pattern=r"^[A-Za-zÆØÅæøåÉéÜüÄäÖö0-9][A-Za-zÆØÅæøåÉéÜüÄäÖö0-9 .,&'()/-]{0,119}$")]
    sector: Sector
    case_systems: Annotated[Count | None, OR_ABSENT] = None
    staff_hours: Annotated[Count | None, OR_ABSENT, Field(description="Paid hours a year, for coverage")] = None
