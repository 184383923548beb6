"""The field types of the contract: strict, closed, every string with a format and a length."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from contracts import identifiers
from contracts.codes import RejectionCode

MAX_DURATION_MS: Final = 366 * 24 * 3600 * 1000
"""The longest working time that one task may claim: 366 days."""
MAX_COUNT: Final = 2**53 - 1
"""The largest integer that every JSON implementation reads the same way."""


def fault(code: RejectionCode) -> PydanticCustomError:
    """A fault of the contract, to be raised in a validator."""
    return PydanticCustomError(code.value, "{code}", {"code": code.value})


def _timestamp(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise fault(RejectionCode.WRONG_TYPE)
    moment = identifiers.parse_timestamp(value)
    if moment is None:
        naive = identifiers.is_naive_timestamp(value)
        raise fault(RejectionCode.NAIVE_TIMESTAMP if naive else RejectionCode.INVALID_TIMESTAMP)
    return moment


def _cvr(value: str) -> str:
    if not identifiers.is_cvr(value):
        raise fault(RejectionCode.INVALID_CVR)
    return value


def _task_type(value: str) -> str:
    if not identifiers.is_task_type(value):
        raise fault(RejectionCode.INVALID_TASK_TYPE)
    return value


def _not_null(value: Any) -> Any:
    if value is None:
        raise fault(RejectionCode.WRONG_TYPE)
    return value


class _OrAbsent:
    """Marks `X | None` as: a value, or the field is absent. An explicit null is the wrong type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        inner = schema
        while inner["type"] != "nullable":
            inner = inner["schema"]
        return core_schema.no_info_before_validator_function(_not_null, inner["schema"])


OR_ABSENT: Final = _OrAbsent()

Timestamp = Annotated[
    datetime,
    BeforeValidator(_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": identifiers.TIMESTAMP_PATTERN}),
]
Cvr = Annotated[
    str,
    AfterValidator(_cvr),
    WithJsonSchema({"type": "string", "pattern": identifiers.CVR_PATTERN, "format": "cvr"}),
]
TaskType = Annotated[
    str,
    AfterValidator(_task_type),
    WithJsonSchema({"type": "string", "pattern": identifiers.TASK_TYPE_PATTERN}),
]
Token = Annotated[str, Field(pattern=identifiers.TOKEN_PATTERN)]
Source = Annotated[str, Field(pattern=identifiers.SOURCE_PATTERN)]
Sequence = Annotated[str, Field(pattern=identifiers.SEQUENCE_PATTERN)]
Sha256 = Annotated[str, Field(pattern=identifiers.SHA256_PATTERN)]
DurationMs = Annotated[int, Field(ge=0, le=MAX_DURATION_MS)]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
PositiveCount = Annotated[int, Field(ge=1, le=MAX_COUNT)]


class Closed(BaseModel):
    """A closed, strict, immutable part of the contract: an unknown field is an error, nothing is coerced."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        populate_by_name=False,
        hide_input_in_errors=True,
        ser_json_inf_nan="constants",
    )
