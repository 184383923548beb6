"""From a Kafka record's bytes to an event of the contract, or to the first rule that it breaks. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Never

import msgspec
from pydantic import ValidationError

from contracts import topics
from contracts.codes import RejectionCode, Violation
from contracts.events import AUTHORITY_EVENTS, REGISTRY_EVENTS, Event, identifier_of
from contracts.identifiers import holds_personal_number

MAX_BYTES: Final = 65_536
STRUCTURED: Final = "application/cloudevents+json"
STRUCTURED_HEADERS: Final = (("content-type", STRUCTURED.encode()),)
"""The headers of a record in structured mode."""
_JSON_TYPE: Final = re.compile(r"application/json(?:;\s*charset=utf-8)?", re.IGNORECASE)
_STRUCTURED_TYPE: Final = re.compile(r"application/cloudevents\+json(?:;\s*charset=utf-8)?", re.IGNORECASE)
_ATTRIBUTE_NAME: Final = re.compile(r"[a-z0-9]{1,20}")
_PROMPT_KEY: Final = re.compile(
    r"(?:gen_ai\.)?(?:prompt|completion|messages|content|input|output|system_instructions"
    r"|(?:input|output|system)[._](?:messages?|text|content)|(?:prompt|completion|content)\..+|(?:system|user|assistant|tool|choice)"
    r"(?:\.message)?(?:\.content)?)",
    re.IGNORECASE,
)
_OWN_CODES: Final = frozenset(code.value for code in RejectionCode)
_CODE_OF_PYDANTIC: Final = {
    "missing": RejectionCode.MISSING_FIELD,
    "extra_forbidden": RejectionCode.UNKNOWN_FIELD,
    "literal_error": RejectionCode.INVALID_VALUE,
    "string_pattern_mismatch": RejectionCode.INVALID_FORMAT,
    "string_unicode": RejectionCode.INVALID_FORMAT,
    "greater_than_equal": RejectionCode.OUT_OF_RANGE,
    "less_than_equal": RejectionCode.OUT_OF_RANGE,
}


@dataclass(frozen=True, slots=True)
class Record:
    """What Kafka delivered, without its coordinate."""

    topic: str
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Reading:
    """An accepted event and its bytes in structured mode, as they are stored."""

    event: Event
    payload: bytes


def read(record: Record) -> Reading:
    """The event in a record; `payload` is the value itself, or for binary mode the structured form of the same event.

    Raises `Violation` with the first broken rule: bytes, then personal data, then prompt content, then the schema in
    the order of its fields, then agreement between record and event.
    """
    if not record.value:
        raise Violation(RejectionCode.EMPTY_VALUE)
    if len(record.value) > MAX_BYTES:
        raise Violation(RejectionCode.OVERSIZED)
    attributes = binary_attributes(record.headers)
    document = _parse(record.value)
    if attributes is None:
        payload = record.value
    else:
        payload = structured_form(attributes, record.value)
        document = {**attributes, "data": document}
    _refuse_personal_data(document, record)
    event = validate(document, record.topic)
    identifier = identifier_of(event)
    if event.subject != identifier:
        raise Violation(RejectionCode.TASK_MISMATCH, "subject")
    if event.partitionkey != identifier:
        raise Violation(RejectionCode.TASK_MISMATCH, "partitionkey")
    if record.key != identifier.encode():
        raise Violation(RejectionCode.TASK_MISMATCH, "key")
    if event.type in AUTHORITY_EVENTS and event.data.authority != topics.authority_of(record.topic):  # type: ignore[union-attr]
        raise Violation(RejectionCode.AUTHORITY_MISMATCH, "data.authority")
    return Reading(event, payload)


def binary_attributes(headers: tuple[tuple[str, bytes], ...]) -> dict[str, str] | None:
    """The attributes of a record in binary mode, `None` for structured mode. Raises `Violation` (invalid_header).

    Headers that belong to neither (tracing, say) are left alone.
    """
    found: dict[str, str] = {}
    content_type: str | None = None
    for name, value in headers:
        if name != "content-type" and not name.startswith("ce_"):
            continue
        try:
            text = value.decode("utf-8")
        except (UnicodeDecodeError, AttributeError):
            raise Violation(RejectionCode.INVALID_HEADER, _header_path(name)) from None
        if name == "content-type":
            if content_type is not None:
                raise Violation(RejectionCode.INVALID_HEADER, "headers.content-type")
            content_type = text
            continue
        attribute = name.removeprefix("ce_")
        if not _ATTRIBUTE_NAME.fullmatch(attribute) or attribute in {"data", "datacontenttype"} or attribute in found:
            raise Violation(RejectionCode.INVALID_HEADER, _header_path(name))
        found[attribute] = text
    if content_type is None:
        raise Violation(RejectionCode.INVALID_HEADER, "headers.content-type")
    if _STRUCTURED_TYPE.fullmatch(content_type):
        if found:
            raise Violation(RejectionCode.INVALID_HEADER, "headers.content-type")
        return None
    if not _JSON_TYPE.fullmatch(content_type) or not found:
        raise Violation(RejectionCode.INVALID_HEADER, "headers.content-type")
    found["datacontenttype"] = "application/json"
    return found


def _header_path(name: str) -> str:
    known = {
        "content-type",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_specversion",
        "ce_dataschema",
    }
    return f"headers.{name}" if name in known else "headers.*"


def structured_form(attributes: Mapping[str, str], data: bytes) -> bytes:
    """The structured-mode bytes of a binary-mode event: attributes in the order of their names, data as it came."""
    head = msgspec.json.encode(dict(sorted(attributes.items())))
    return head[:-1] + b',"data":' + data + b"}"


def _parse(value: bytes) -> dict[str, Any]:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise Violation(RejectionCode.INVALID_UTF8) from None
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        document, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        raise Violation(RejectionCode.INVALID_JSON) from None
    if text[end:].strip(" \t\r\n"):
        raise Violation(RejectionCode.TRAILING_DATA)
    if not isinstance(document, dict):
        raise Violation(RejectionCode.INVALID_JSON)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise Violation(RejectionCode.DUPLICATE_KEY)
    return document


def _non_finite(_: str) -> Never:
    raise Violation(RejectionCode.NON_FINITE_NUMBER)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_non_finite)


def _strings(node: Any, path: str) -> Iterator[tuple[str, str, bool]]:
    """Every string below `node`: (path, text, whether it is a key)."""
    if isinstance(node, str):
        yield path, node, False
    elif isinstance(node, dict):
        for key, child in node.items():
            yield f"{path}.*", key, True
            yield from _strings(child, f"{path}.{key}")
    elif isinstance(node, list):
        for child in node:
            yield from _strings(child, f"{path}.*")


def _refuse_personal_data(document: dict[str, Any], record: Record) -> None:
    prompt: tuple[str, str] | None = None  # not the exception itself: it would hold this frame, and the frame it
    for path, text, is_key in _strings(document, ""):
        if holds_personal_number(text):
            raise Violation(RejectionCode.PERSONAL_NUMBER, _safe_path(path))
        if is_key and prompt is None and _PROMPT_KEY.fullmatch(text):
            prompt = _safe_path(path), text
    if record.key is not None and holds_personal_number(record.key.decode("utf-8", "replace")):
        raise Violation(RejectionCode.PERSONAL_NUMBER, "key")
    if prompt is not None:
        raise Violation(RejectionCode.PROMPT_CONTENT, *prompt)


def validate(document: dict[str, Any], topic: str) -> Event:
    """The event model of a parsed document that arrived on `topic`. Raises `Violation`."""
    event_type = document.get("type")
    if event_type is None:
        raise Violation(RejectionCode.MISSING_FIELD if "type" not in document else RejectionCode.WRONG_TYPE, "type")
    if not isinstance(event_type, str):
        raise Violation(RejectionCode.WRONG_TYPE, "type")
    here, elsewhere = AUTHORITY_EVENTS, REGISTRY_EVENTS
    if topic == topics.BASELINES:
        here, elsewhere = elsewhere, here  # type: ignore[assignment]
    model = here.get(event_type)
    if model is None:
        raise Violation(RejectionCode.WRONG_TOPIC if event_type in elsewhere else RejectionCode.UNKNOWN_TYPE, "type")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise violation_of(error) from None


def violation_of(error: ValidationError) -> Violation:
    """The first rule of a model that a document breaks."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return _violation(first["type"], first["loc"])


def _violation(kind: str, location: tuple[int | str, ...]) -> Violation:
    parts = [str(part) for part in location]
    if kind == "extra_forbidden":
        return Violation(RejectionCode.UNKNOWN_FIELD, ".".join([*parts[:-1], "*"]), parts[-1])
    if kind in _CODE_OF_PYDANTIC:
        code = _CODE_OF_PYDANTIC[kind]
    elif kind in _OWN_CODES:
        code = RejectionCode(kind)
    else:
        code = RejectionCode.WRONG_TYPE
    return Violation(code, ".".join(parts))


_KNOWN_NAMES: Final = frozenset(
    name
    for model in (*AUTHORITY_EVENTS.values(), *REGISTRY_EVENTS.values())
    for name in re.findall(r'"([a-z0-9_.]+)": ?\{', json.dumps(model.model_json_schema()))
)


def _safe_path(path: str) -> str:
    """A path whose unknown names are `*`, since a name may hold personal data too."""
    rest = path.removeprefix(".")
    parts: list[str] = []
    while rest:
        name = next((known for known in _BY_LENGTH if rest == known or rest.startswith(known + ".")), None)
        if name is None:
            parts.append("*")
            break
        parts.append(name)
        rest = rest[len(name) + 1 :]
    return ".".join(parts)


_BY_LENGTH: Final = sorted(_KNOWN_NAMES, key=len, reverse=True)
