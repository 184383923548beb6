"""Data of the events that say what freed time was used for, and what a source says that it has sent."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from contracts.codes import RejectionCode
from contracts.fields import (
    OR_ABSENT,
    Closed,
    Count,
    Cvr,
    PositiveCount,
    Revision,
    Sequence,
    Timestamp,
    Token,
    fault,
)


class Realisation(Closed):
    """Hours that the benefit owner has confirmed are used elsewhere: an "of which", never an addition."""

    authority: Cvr
    realisation: Annotated[Token, Field(description="Identifier of the confirmation; equals the event's subject")]
    revision: Revision
    period_from: Timestamp
    period_to: Annotated[Timestamp, Field(description="Exclusive")]
    realised_ms: PositiveCount
    use: Literal["core_task", "shortage", "quality", "saved"]
    confirmed_by: Annotated[Token, Field(description="Role of the benefit owner, not a person")]
    programme: Annotated[Token | None, OR_ABSENT] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.period_to <= self.period_from:
            raise fault(RejectionCode.INCONSISTENT)
        return self


class Heartbeat(Closed):
    """A source's own count of what it has sent, so that a hole can be seen from the outside."""

    authority: Cvr
    since: Annotated[Timestamp, Field(description="Beginning of the count")]
    at: Timestamp
    sent: Annotated[Count, Field(description="Events sent since then, retries not counted")]
    last_sequence: Annotated[Sequence | None, OR_ABSENT] = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.at < self.since:
            raise fault(RejectionCode.INCONSISTENT)
        return self
