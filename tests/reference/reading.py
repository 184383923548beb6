"""The contract, read a second time: whether a record is accepted, and if not, why. From the contract's words alone.

Accepted is only what passes every check here. What does not is either one of the contract's own invalid examples, whose
code stands beside it, or has faults of one code; where two codes compete only the contract says which is first, and
`CannotJudgeError` is raised. Nothing is guessed.
"""

import re
from functools import cache
from typing import Any, Final, NamedTuple

from contracts.examples import AUTHORITY as EXAMPLES_AUTHORITY
from contracts.examples import invalid
from tests.reference.documents import FaultError, Headers, document_of
from tests.reference.fields import (
    AI_FIELDS,
    AI_REQUIRED,
    ATTRIBUTES,
    DATA_FIELDS,
    OPTIONAL,
    Check,
    Moment,
    required_of,
)

TASK_STATES: Final = frozenset(f"dk.frigjort.task.{name}.v1" for name in ("completed", "corrected", "reopened"))
RETRACTED: Final = "dk.frigjort.task.retracted.v1"
_IDENTIFIER: Final = {
    **dict.fromkeys((*TASK_STATES, RETRACTED), "task"),
    "dk.frigjort.benefit.realised.v1": "realisation",
    "dk.frigjort.source.heartbeat.v1": "authority",
}
_REGISTRY_TYPES: Final = ("dk.frigjort.baseline.", "dk.frigjort.authority.")
_DIGITS_ALIKE: Final = bytes(ord("0") if chr(byte).isdigit() and byte < 128 else byte for byte in range(256))
_LIKE_CPR: Final = (b"0000000000", b"000000-0000", b"000000 0000")
_CPR: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-2][0-9]|3[01]|[67][0-9]|8[0-9]|9[01])(?:0[1-9]|1[0-2])[0-9]{2}[- ]?[0-9]{4}(?![0-9A-Za-z])"
)
_NO_DAY: Final = ("00", "60")
_PROMPTS: Final = frozenset(f"gen_ai.{name}" for name in ("prompt", "completion", "input.messages", "output.messages"))
_SUSPICIOUS: Final = re.compile(r"prompt|completion|messages?|content|input|output|system|user|assistant|tool|choice")


class CannotJudgeError(Exception):
    """The model does not know what the contract says of this record, and does not guess."""


class Event(NamedTuple):
    """An accepted event: its document, structured; moments of its data in epoch milliseconds."""

    document: dict[str, Any]
    moments: dict[str, int]


def read(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Event | str:
    """The event, or the code of its rejection. Raises `CannotJudgeError`."""
    try:
        document = document_of(value, headers)
    except FaultError as fault:
        return _confirmed(str(fault), topic, key, value, headers)
    moments: dict[str, int] = {}
    codes = _faults(document, topic, key, value or b"", headers, moments)
    if not codes:
        return Event(document, moments)
    known = _code_of_example(topic, key, value, headers)
    if known is not None:
        return known
    if len(codes) == 1:
        return codes.pop()
    raise CannotJudgeError(f"one of {sorted(codes)}: {value!r}")


def _confirmed(code: str, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> str:
    known = _code_of_example(topic, key, value, headers)
    if known not in {None, code}:
        raise CannotJudgeError(f"{code} here, {known} in the contract's example: {value!r}")
    return code


@cache
def _examples() -> dict[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]], str]:
    return {(e.record.key, e.record.value, e.record.headers): e.code.value for e in invalid() if e.code is not None}


def _code_of_example(topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> str | None:
    """The code of an invalid example, moved back to the authority of the examples; `None` for anything else."""
    new, old = EXAMPLES_AUTHORITY.encode(), topic.rsplit(".", 1)[1].encode()
    back = [text if text is None else text.replace(old, new) for text in (key, value)]
    return _examples().get((back[0], back[1], tuple(headers)))


# -- fields ---------------------------------------------------------------------------------------------------------------


def _faults(
    document: dict[str, Any], topic: str, key: bytes | None, value: bytes, headers: Headers, moments: dict[str, int]
) -> set[str]:
    """The codes of the first kind of fault that there is: personal data, prompts, type, fields, agreement."""
    if _may_hold_cpr(value, key, headers) and (
        _holds_cpr(document) or _holds_cpr((key or b"").decode("utf-8", "replace"))
    ):
        return {"personal_number"}
    kind = document.get("type")
    data = document.get("data")
    known = DATA_FIELDS.get(kind, {}) if type(kind) is str else {}
    codes = set() if _all_known(document, data, known) else _unknown(document, known)
    if "prompt_content" in codes:
        return codes
    if type(kind) is not str:
        return {"wrong_type" if "type" in document else "missing_field"}
    if not known:
        return {"wrong_topic" if kind.startswith(_REGISTRY_TYPES) else "unknown_type"}
    codes |= _fields(document, ATTRIBUTES, required_of(ATTRIBUTES), moments)
    if type(data) is dict:
        codes |= _fields(data, known, required_of(known), moments)
    if document.get("dataschema") != f"urn:frigjort:schema:{kind}" and type(document.get("dataschema")) is str:
        codes.add("invalid_value")
    if codes:
        return codes
    codes = _contradictions(kind, document["data"], moments)
    return codes or _disagreement(kind, document, topic, key)


def _may_hold_cpr(value: bytes, key: bytes | None, headers: Headers) -> bool:
    """Whether a closer look is needed: escapes, attributes in headers, or digits in that form anywhere."""
    if b"\\" in value or len(headers) > 1 or key is None or key not in value:
        return True
    alike = value.translate(_DIGITS_ALIKE)
    return any(form in alike for form in _LIKE_CPR)


def _holds_cpr(node: Any) -> bool:
    if type(node) is str:
        return any(found[:2] not in _NO_DAY for found in _CPR.findall(node))
    if type(node) is dict:
        return any(_holds_cpr(name) or _holds_cpr(child) for name, child in node.items())
    return type(node) is list and any(map(_holds_cpr, node))


def _all_known(document: dict[str, Any], data: Any, known: dict[str, Check]) -> bool:
    """Whether every name stands in the schema."""
    if type(data) is not dict or not (document.keys() <= ATTRIBUTES.keys() and data.keys() <= known.keys()):
        return False
    ai = data.get("ai")
    return type(ai) is not dict or ai.keys() <= AI_FIELDS.keys()


def _unknown(document: dict[str, Any], known: dict[str, Check]) -> set[str]:
    """Names that the closed schema does not know, as one code."""
    data = document.get("data")
    ai = data.get("ai") if type(data) is dict else None
    places = ((document, ATTRIBUTES), (data, known or {}), (ai, AI_FIELDS))
    unknown = {name for node, names in places if type(node) is dict for name in node if name not in names}
    if unknown & _PROMPTS:
        return {"prompt_content"}
    if known and any(_SUSPICIOUS.search(name.lower()) for name in unknown):
        raise CannotJudgeError(f"content of a prompt, or an unknown field: {sorted(unknown)}")
    return {"unknown_field"} if unknown and known else set()


def _fields(
    node: dict[str, Any], checks: dict[str, Check], required: frozenset[str], moments: dict[str, int]
) -> set[str]:
    codes: set[str] = set()
    if not node.keys() >= required:
        codes.add("missing_field")
    for name, given in node.items():
        check = checks.get(name)
        if check is None:
            continue
        found = "wrong_type" if given is None and name in OPTIONAL else check(given)
        if type(found) is Moment:
            moments[name] = found
        elif found is not None:
            codes.add(str(found))
    if "ai" in checks and type(node.get("ai")) is dict:
        codes |= _fields(node["ai"], AI_FIELDS, AI_REQUIRED, moments)
    return codes


def _contradictions(kind: str, data: dict[str, Any], moments: dict[str, int]) -> set[str]:
    """Fields that contradict each other: the rules of the contract between them."""
    if kind == RETRACTED:
        return set()
    if kind not in TASK_STATES:
        first, last = ("period_from", "period_to") if "period_to" in moments else ("since", "at")
        backwards = moments[last] < moments[first] or (last == "period_to" and moments[last] == moments[first])
        return {"inconsistent"} if backwards else set()
    codes: set[str] = set()
    if moments["completed_at"] < moments["started_at"]:
        codes.add("completed_before_started")
    if "assigned_at" in data and moments["assigned_at"] > moments["started_at"]:
        codes.add("assigned_after_start")
    predicted = "predicted_without_ai_ms" in data or "predicted_with_ai_ms" in data
    if (
        ("arm" in data) != ("assigned_at" in data)
        or ("arm" in data and data["assignment"] != "random")
        or ("cluster" in data) != ("cluster_kind" in data)
        or (data.get("cluster_kind") == "worker" and "study" not in data)
        or ("stratum" in data and "study" not in data)
        or (predicted and "predicted_at" not in data)
        or (data["revision"] < 2 and not kind.endswith("completed.v1"))
    ):
        codes.add("inconsistent")
    return codes


def _disagreement(kind: str, document: dict[str, Any], topic: str, key: bytes | None) -> set[str]:
    identifier = document["data"][_IDENTIFIER[kind]]
    if not (document["subject"] == document["partitionkey"] == identifier and key == identifier.encode()):
        return {"task_mismatch"}
    return set() if document["data"]["authority"] == topic.rsplit(".", 1)[1] else {"authority_mismatch"}
