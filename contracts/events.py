"""The event types: CloudEvents 1.0 attributes around one kind of data each."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from contracts.benefits import Heartbeat, Realisation
from contracts.codes import RejectionCode
from contracts.fields import OR_ABSENT, Closed, Sequence, Source, Timestamp, Token, fault
from contracts.registry import Authority, Baseline, BaselineWithdrawal
from contracts.tasks import TaskRetraction, TaskState

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
COMPLETED: Final = "dk.frigjort.task.completed.v1"
CORRECTED: Final = "dk.frigjort.task.corrected.v1"
REOPENED: Final = "dk.frigjort.task.reopened.v1"
RETRACTED: Final = "dk.frigjort.task.retracted.v1"
HEARTBEAT: Final = "dk.frigjort.source.heartbeat.v1"
REALISED: Final = "dk.frigjort.benefit.realised.v1"
PUBLISHED: Final = "dk.frigjort.baseline.published.v1"
WITHDRAWN: Final = "dk.frigjort.baseline.withdrawn.v1"
REGISTERED: Final = "dk.frigjort.authority.registered.v1"


def schema_name(event_type: str) -> str:
    """The `dataschema` of an event type; the version is the end of its name."""
    return f"urn:frigjort:schema:{event_type}"


class Attributes(Closed):
    """CloudEvents context attributes. `source` and `id` identify an event; `subject` is the task it is about."""

    specversion: Literal["1.0"]
    id: Token
    source: Annotated[Source, Field(description="The case system, as a URI-reference")]
    subject: Annotated[Token, Field(description="Task id; for other events the identifier they are about")]
    time: Annotated[Timestamp, Field(description="When the event happened")]
    partitionkey: Annotated[Token, Field(description="Equals subject and the Kafka record's key")]
    datacontenttype: Annotated[Literal["application/json"] | None, OR_ABSENT] = None
    sequence: Annotated[Sequence | None, OR_ABSENT, Field(description="Numbers a source's events without gaps")] = None
    recordedtime: Annotated[Timestamp | None, OR_ABSENT, Field(description="When the source recorded it")] = None


class TaskCompleted(Attributes):
    """A task was finished."""

    type: Literal["dk.frigjort.task.completed.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.task.completed.v1"]
    data: TaskState


class _Replacement(Attributes):
    data: TaskState

    @model_validator(mode="after")
    def _replaces(self) -> Self:
        if self.data.revision < 2:
            raise fault(RejectionCode.INCONSISTENT)
        return self


class TaskCorrected(_Replacement):
    """A full replacement of what was reported, at a higher revision."""

    type: Literal["dk.frigjort.task.corrected.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.task.corrected.v1"]


class TaskReopened(_Replacement):
    """The task was worked on again: a full replacement with cumulative rework, at a higher revision."""

    type: Literal["dk.frigjort.task.reopened.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.task.reopened.v1"]


class TaskRetracted(Attributes):
    """The task is taken back."""

    type: Literal["dk.frigjort.task.retracted.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.task.retracted.v1"]
    data: TaskRetraction


class SourceHeartbeat(Attributes):
    """A source's own count."""

    type: Literal["dk.frigjort.source.heartbeat.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.source.heartbeat.v1"]
    data: Heartbeat


class BenefitRealised(Attributes):
    """The benefit owner confirms what freed hours are used for."""

    type: Literal["dk.frigjort.benefit.realised.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.benefit.realised.v1"]
    data: Realisation


class BaselinePublished(Attributes):
    """A baseline version is in force for its interval."""

    type: Literal["dk.frigjort.baseline.published.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.baseline.published.v1"]
    data: Baseline


class BaselineWithdrawn(Attributes):
    """A baseline version is not matched any more."""

    type: Literal["dk.frigjort.baseline.withdrawn.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.baseline.withdrawn.v1"]
    data: BaselineWithdrawal


class AuthorityRegistered(Attributes):
    """An authority and its sector."""

    type: Literal["dk.frigjort.authority.registered.v1"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.authority.registered.v1"]
    data: Authority


TaskStateEvent = TaskCompleted | TaskCorrected | TaskReopened
AuthorityEvent = TaskStateEvent | TaskRetracted | SourceHeartbeat | BenefitRealised
RegistryEvent = BaselinePublished | BaselineWithdrawn | AuthorityRegistered
Event = AuthorityEvent | RegistryEvent

AUTHORITY_EVENTS: Final[dict[str, type[AuthorityEvent]]] = {
    COMPLETED: TaskCompleted,
    CORRECTED: TaskCorrected,
    REOPENED: TaskReopened,
    RETRACTED: TaskRetracted,
    HEARTBEAT: SourceHeartbeat,
    REALISED: BenefitRealised,
}
"""What an authority may write to its own topic."""

REGISTRY_EVENTS: Final[dict[str, type[RegistryEvent]]] = {
    PUBLISHED: BaselinePublished,
    WITHDRAWN: BaselineWithdrawn,
    REGISTERED: AuthorityRegistered,
}
"""What the registry writes to the baselines topic."""


def identifier_of(event: Event) -> str:
    """What the event's subject, partition key and record key must be."""
    match event:
        case TaskCompleted() | TaskCorrected() | TaskReopened() | TaskRetracted():
            return event.data.task
        case BenefitRealised():
            return event.data.realisation
        case SourceHeartbeat():
            return event.data.authority
        case BaselinePublished():
            return f"{event.data.baseline}/{event.data.version}"
        case BaselineWithdrawn():
            return f"{event.data.baseline}/{event.data.version}/withdrawn"
        case AuthorityRegistered():
            return f"authority/{event.data.authority}/{event.data.version}"


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC of an aware timestamp that has no finer part."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def moment_at(epoch_ms: int) -> datetime:
    """The moment in UTC, exactly, of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)
