"""Why a record was refused: one code per cause, each with words and a remedy for the supplier."""

from dataclasses import dataclass
from enum import StrEnum


class RejectionCode(StrEnum):
    """The closed list of causes. A code never changes its meaning; new causes get new codes."""

    EMPTY_VALUE = "empty_value"
    OVERSIZED = "oversized"
    INVALID_HEADER = "invalid_header"
    INVALID_UTF8 = "invalid_utf8"
    INVALID_JSON = "invalid_json"
    NON_FINITE_NUMBER = "non_finite_number"
    TRAILING_DATA = "trailing_data"
    DUPLICATE_KEY = "duplicate_key"
    PERSONAL_NUMBER = "personal_number"
    PROMPT_CONTENT = "prompt_content"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_FIELD = "unknown_field"
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    INVALID_FORMAT = "invalid_format"
    INVALID_VALUE = "invalid_value"
    INVALID_CVR = "invalid_cvr"
    INVALID_TASK_TYPE = "invalid_task_type"
    NAIVE_TIMESTAMP = "naive_timestamp"
    INVALID_TIMESTAMP = "invalid_timestamp"
    COMPLETED_BEFORE_STARTED = "completed_before_started"
    ASSIGNED_AFTER_START = "assigned_after_start"
    INCONSISTENT = "inconsistent"
    AUTHORITY_MISMATCH = "authority_mismatch"
    TASK_MISMATCH = "task_mismatch"
    WRONG_TOPIC = "wrong_topic"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means and what the supplier does about it."""

    meaning: str
    remedy: str


EXPLANATIONS: dict[RejectionCode, Explanation] = {
    RejectionCode.EMPTY_VALUE: Explanation(
        "the record has no value", "send one CloudEvent a record; input topics have no tombstones"
    ),
    RejectionCode.OVERSIZED: Explanation(
        "the record is larger than 65,536 bytes", "send the fields of the contract and nothing else"
    ),
    RejectionCode.INVALID_HEADER: Explanation(
        "the Kafka headers name no valid CloudEvents content mode",
        "set content-type to application/cloudevents+json (structured), or application/json with ce_ headers in UTF-8 (binary)",
    ),
    RejectionCode.INVALID_UTF8: Explanation("the bytes are not UTF-8", "encode the event as UTF-8 without a BOM"),
    RejectionCode.INVALID_JSON: Explanation("the value is not a JSON object", "send one JSON object (RFC 8259)"),
    RejectionCode.NON_FINITE_NUMBER: Explanation(
        "NaN or Infinity is not a number in JSON", "leave the value out or send an integer"
    ),
    RejectionCode.TRAILING_DATA: Explanation("more than one JSON document in one value", "send one event a record"),
    RejectionCode.DUPLICATE_KEY: Explanation("an object has the same key twice", "send every key once"),
    RejectionCode.PERSONAL_NUMBER: Explanation(
        "a string holds something like a CPR number; it was neither stored nor logged",
        "send opaque tokens only, never a personal number, in any field",
    ),
    RejectionCode.PROMPT_CONTENT: Explanation(
        "prompt or completion content of a model call; it was neither stored nor logged",
        "send only provider, request model, operation and token counts",
    ),
    RejectionCode.UNKNOWN_TYPE: Explanation(
        "the event type is not in the contract", "use a type of the AsyncAPI document"
    ),
    RejectionCode.UNKNOWN_FIELD: Explanation(
        "a field that the closed schema does not know",
        "remove the field; the schema lists all that are allowed",
    ),
    RejectionCode.MISSING_FIELD: Explanation("a required field is missing", "send the field"),
    RejectionCode.WRONG_TYPE: Explanation(
        "the value has the wrong JSON type",
        "send the type of the schema; leave optional fields out instead of null",
    ),
    RejectionCode.OUT_OF_RANGE: Explanation(
        "the value is outside its range", "see minimum, maximum and lengths in the schema"
    ),
    RejectionCode.INVALID_FORMAT: Explanation(
        "the string does not have the field's format", "see the pattern in the schema"
    ),
    RejectionCode.INVALID_VALUE: Explanation("the value is not one of the allowed ones", "see the enum in the schema"),
    RejectionCode.INVALID_CVR: Explanation(
        "not a CVR number: 8 digits, weights 2,7,6,5,4,3,2,1, sum modulo 11 = 0",
        "send the authority's own CVR number",
    ),
    RejectionCode.INVALID_TASK_TYPE: Explanation(
        "not a task type", "kle:27.35.04 (facet -G01 optional), form:… or local:… in the format of the schema"
    ),
    RejectionCode.NAIVE_TIMESTAMP: Explanation("a timestamp without an offset", "RFC 3339 with Z or an offset"),
    RejectionCode.INVALID_TIMESTAMP: Explanation(
        "not an RFC 3339 timestamp between 2000 and 2100", "for example 2026-03-01T09:30:00.000+01:00"
    ),
    RejectionCode.COMPLETED_BEFORE_STARTED: Explanation(
        "the task was completed before it was started", "check both clocks and their offsets"
    ),
    RejectionCode.ASSIGNED_AFTER_START: Explanation(
        "the arm was drawn after the work began", "draw the arm before the work begins, and send that time"
    ),
    RejectionCode.INCONSISTENT: Explanation(
        "two fields contradict each other", "see the description of the field in the schema"
    ),
    RejectionCode.AUTHORITY_MISMATCH: Explanation(
        "the authority is not the topic's",
        "an authority writes to its own topic; a move is a retraction and a new task",
    ),
    RejectionCode.TASK_MISMATCH: Explanation(
        "subject, partitionkey, record key and the data's own identifier are not the same",
        "put the same identifier in all four",
    ),
    RejectionCode.WRONG_TOPIC: Explanation(
        "this event type does not belong on this topic", "see the channels in AsyncAPI"
    ),
}


class Violation(Exception):
    """The first rule that a record breaks.

    Fields: `code`; `path`, the field's path with unknown names replaced by `*` (a name may hold personal data);
    `name`, the unknown name itself, for the supplier's own screen only, never stored or logged.
    """

    def __init__(self, code: RejectionCode, path: str = "", name: str | None = None) -> None:
        super().__init__(f"{code} at {path or 'record'}")
        self.code = code
        self.path = path
        self.name = name
