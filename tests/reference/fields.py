"""The fields of the contract's events and what each may hold, from the contract's words. A check returns the code of a fault,
a `Moment` for a timestamp, else `None`."""

import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any, Final

LONGEST_MS: Final = 366 * 24 * 3600 * 1000
MOST: Final = 2**53 - 1
EPOCH: Final = date(1970, 1, 1).toordinal()
BEGIN_MS: Final = (date(2000, 1, 1).toordinal() - EPOCH) * 86_400_000
END_MS: Final = (date(2100, 1, 1).toordinal() - EPOCH) * 86_400_000


class Moment(int):
    """Milliseconds since 1970 UTC."""


Check = Callable[[Any], "Moment | str | None"]
OPTIONAL: Final = frozenset(
    (
        *("datacontenttype", "sequence", "recordedtime", "arm", "assigned_at", "study", "stratum", "predicted_at"),
        *(
            "predicted_without_ai_ms",
            "predicted_with_ai_ms",
            "programme",
            "cluster",
            "cluster_kind",
            "ai",
            "last_sequence",
        ),
    )
)
_TIMESTAMP: Final = re.compile(
    r"(20[0-9][0-9]-[0-9][0-9]-[0-9][0-9])T([0-9][0-9]):([0-9][0-9]):([0-9][0-9])(?:\.([0-9]{1,9}))?"
    r"(?:Z|([+-])([0-9][0-9]):([0-9][0-9]))"
)
_WITHOUT_OFFSET: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?")
_TASK_TYPE: Final = re.compile(
    r"kle:[0-9]{2}\.[0-9]{2}\.[0-9]{2}(-[A-ZÆØÅ][0-9]{2})?|form:[0-9]{2}(\.[0-9]{2}){1,3}"
    r"|local:[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?"
)


def required_of(checks: dict[str, Check]) -> frozenset[str]:
    """The names that an object with these fields must have."""
    return _required(tuple(checks))


@cache
def _required(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(names) - OPTIONAL


def _text(pattern: str) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check(given: Any) -> str | None:
        if type(given) is not str:
            return "wrong_type"
        return None if matches(given) else "invalid_format"

    return check


def _one_of(*values: str) -> Check:
    allowed = frozenset(values)

    def check(given: Any) -> str | None:
        if type(given) is str and given in allowed:
            return None
        return "invalid_value"

    return check


def _number(least: int, most: int) -> Check:
    def check(given: Any) -> str | None:
        if type(given) is not int:
            return "wrong_type"
        return None if least <= given <= most else "out_of_range"

    return check


def _or_null(inner: Check) -> Check:
    return lambda given: None if given is None else inner(given)


@cache
def _day_of(text: str) -> int | None:
    try:
        return date.fromisoformat(text).toordinal() - EPOCH
    except ValueError:
        return None


def moment(given: Any) -> Moment | str:
    """A timestamp of RFC 3339 with offset, floored to the millisecond, of the years 2000 to 2099 in UTC."""
    if type(given) is not str:
        return "wrong_type"
    found = _TIMESTAMP.fullmatch(given)
    if found is None:
        return "naive_timestamp" if _WITHOUT_OFFSET.fullmatch(given) else "invalid_timestamp"
    day, hour, minute, second, fraction, sign, hours, minutes = found.groups()
    days = _day_of(day)
    if days is None or hour > "23" or minute > "59" or second > "59":
        return "invalid_timestamp"
    ms = ((days * 24 + int(hour)) * 60 + int(minute)) * 60_000 + int(second) * 1000
    if fraction:
        ms += int((fraction + "00")[:3])
    if sign:
        if hours > "14" or minutes > "59":
            return "invalid_timestamp"
        offset = (int(hours) * 60 + int(minutes)) * 60_000
        ms = ms - offset if sign == "+" else ms + offset
    return Moment(ms) if BEGIN_MS <= ms < END_MS else "invalid_timestamp"


@cache
def _cvr_text(text: str) -> str | None:
    digits = [int(c) for c in text] if re.fullmatch("[1-9][0-9]{7}", text, re.ASCII) else [1]
    weighted = sum(weight * digit for weight, digit in zip((2, 7, 6, 5, 4, 3, 2, 1), digits, strict=False))
    return "invalid_cvr" if weighted % 11 else None


def cvr(given: Any) -> str | None:
    """A CVR number: 8 digits, weights 2,7,6,5,4,3,2,1, sum modulo 11 = 0."""
    return _cvr_text(given) if type(given) is str else "wrong_type"


@cache
def _task_type_text(text: str) -> str | None:
    return None if _TASK_TYPE.fullmatch(text) else "invalid_task_type"


def task_type(given: Any) -> str | None:
    """kle:…, form:… or local:…, format only."""
    return _task_type_text(given) if type(given) is str else "wrong_type"


def _object(given: Any) -> str | None:
    return None if type(given) is dict else "wrong_type"


_TOKEN: Final = _text(r"[A-Za-z0-9]([A-Za-z0-9._:/-]{0,126}[A-Za-z0-9])?")
_SEQUENCE: Final = _text(r"0|[1-9][0-9]{0,17}")
_DURATION: Final = _number(0, LONGEST_MS)
_COUNT: Final = _number(0, MOST)
_REVISION: Final = _number(1, 2**31 - 1)

ATTRIBUTES: Final[dict[str, Check]] = {
    "specversion": _one_of("1.0"),
    "id": _TOKEN,
    "source": _text(r"[A-Za-z0-9/][A-Za-z0-9._:/#?=&%+-]{0,254}"),
    "type": lambda _: None,  # judged before the fields
    "subject": _TOKEN,
    "partitionkey": _TOKEN,
    "time": moment,
    "datacontenttype": _one_of("application/json"),
    "dataschema": lambda given: None if type(given) is str else "invalid_value",
    "sequence": _SEQUENCE,
    "recordedtime": moment,
    "data": _object,
}
AI_FIELDS: Final[dict[str, Check]] = {
    "gen_ai.provider.name": _TOKEN,
    "gen_ai.request.model": _TOKEN,
    "gen_ai.operation.name": _TOKEN,
    "gen_ai.usage.input_tokens": _COUNT,
    "gen_ai.usage.output_tokens": _COUNT,
}
AI_REQUIRED: Final = frozenset(("gen_ai.provider.name", "gen_ai.request.model"))
_STATE: Final[dict[str, Check]] = {
    "authority": cvr,
    "task": _TOKEN,
    "revision": _REVISION,
    "task_type": task_type,
    "complexity": _one_of("low", "medium", "high", "unspecified"),
    "started_at": moment,
    "completed_at": moment,
    "active_ms": _DURATION,
    "review_ms": _or_null(_DURATION),
    "rework_ms": _or_null(_DURATION),
    "time_basis": _one_of("measured", "elapsed", "self_reported"),
    "assistance": _one_of("none", "suggestion", "draft", "decision_support", "automation"),
    "assignment": _one_of("random", "eligible", "chosen"),
    "origin": _one_of("pre_existing", "induced"),
    "outcome": _one_of("completed", "abandoned", "escalated"),
    "work": _one_of("administrative", "core"),
    "audience": _one_of("citizen", "business", "internal"),
    "arm": _one_of("treatment", "control"),
    "assigned_at": moment,
    "study": _TOKEN,
    "stratum": _TOKEN,
    "predicted_without_ai_ms": _DURATION,
    "predicted_with_ai_ms": _DURATION,
    "predicted_at": moment,
    "programme": _TOKEN,
    "cluster": _TOKEN,
    "cluster_kind": _one_of("case", "team", "worker"),
    "ai": _object,
}
DATA_FIELDS: Final[dict[str, dict[str, Check]]] = {
    "dk.frigjort.task.completed.v1": _STATE,
    "dk.frigjort.task.corrected.v1": _STATE,
    "dk.frigjort.task.reopened.v1": _STATE,
    "dk.frigjort.task.retracted.v1": {"authority": cvr, "task": _TOKEN, "revision": _REVISION, "reason": _TOKEN},
    "dk.frigjort.source.heartbeat.v1": {
        "authority": cvr,
        "since": moment,
        "at": moment,
        "sent": _COUNT,
        "last_sequence": _SEQUENCE,
    },
    "dk.frigjort.benefit.realised.v1": {
        "authority": cvr,
        "realisation": _TOKEN,
        "revision": _REVISION,
        "period_from": moment,
        "period_to": moment,
        "realised_ms": _number(1, MOST),
        "use": _one_of("core_task", "shortage", "quality", "saved"),
        "confirmed_by": _TOKEN,
        "programme": _TOKEN,
    },
}
