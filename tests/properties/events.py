"""Strategies for records: valid task events, and mutations of their bytes and fields."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from contracts.events import COMPLETED, CORRECTED, REOPENED, schema_name
from contracts.examples import AUTHORITY, invalid, valid
from contracts.reading import Record

TOKENS = st.from_regex(r"[A-Za-z][A-Za-z0-9._:-]{0,20}[A-Za-z0-9]", fullmatch=True)
_MOMENTS = st.integers(min_value=1_262_304_000, max_value=2_000_000_000)


def _rfc3339(seconds: int, fraction: str, offset_hours: int) -> str:
    zone = timezone(timedelta(hours=offset_hours))
    text = datetime.fromtimestamp(seconds, UTC).astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}{fraction}" + ("Z" if offset_hours == 0 else f"{offset_hours:+03d}:00")


_FRACTIONS = st.sampled_from(["", ".5", ".123", ".999999", ".123456789"])
MOMENT_TEXTS = st.builds(_rfc3339, _MOMENTS, _FRACTIONS, st.integers(min_value=-11, max_value=11))


@st.composite
def task_events(draw: st.DrawFn) -> dict[str, Any]:
    """A task state event in structured mode that is valid but for its order of times, now and then."""
    kind = draw(st.sampled_from([COMPLETED, COMPLETED, CORRECTED, REOPENED]))
    task = draw(TOKENS)
    started = draw(_MOMENTS)
    data: dict[str, Any] = {
        "authority": AUTHORITY,
        "task": task,
        "revision": draw(st.integers(min_value=1 if kind == COMPLETED else 2, max_value=9)),
        "task_type": draw(st.sampled_from(["kle:27.35.04", "kle:27.35.04-G01", "form:12.25", "local:x"])),
        "complexity": draw(st.sampled_from(["low", "medium", "high", "unspecified"])),
        "started_at": _rfc3339(started, draw(_FRACTIONS), draw(st.integers(min_value=-11, max_value=11))),
        "completed_at": _rfc3339(started + draw(st.integers(-1, 9_999)), draw(_FRACTIONS), 2),
        "active_ms": draw(st.integers(min_value=0, max_value=10**9)),
        "review_ms": draw(st.none() | st.integers(min_value=0, max_value=10**8)),
        "rework_ms": draw(st.none() | st.integers(min_value=0, max_value=10**8)),
        "time_basis": draw(st.sampled_from(["measured", "elapsed", "self_reported"])),
        "assistance": draw(st.sampled_from(["none", "suggestion", "draft", "decision_support", "automation"])),
        "assignment": draw(st.sampled_from(["random", "eligible", "chosen"])),
        "origin": draw(st.sampled_from(["pre_existing", "induced"])),
        "outcome": draw(st.sampled_from(["completed", "abandoned", "escalated"])),
        "work": draw(st.sampled_from(["administrative", "core"])),
        "audience": draw(st.sampled_from(["citizen", "business", "internal"])),
    }
    optional: dict[str, st.SearchStrategy[Any]] = {
        "arm": st.sampled_from(["treatment", "control"]),
        "assigned_at": st.just(_rfc3339(started - 1, "", 0)),
        "study": TOKENS,
        "stratum": TOKENS,
        "predicted_without_ai_ms": st.integers(min_value=0, max_value=10**9),
        "predicted_at": MOMENT_TEXTS,
        "programme": TOKENS,
        "cluster": TOKENS,
        "cluster_kind": st.sampled_from(["case", "team", "worker"]),
        "ai": st.fixed_dictionaries(
            {"gen_ai.provider.name": TOKENS, "gen_ai.request.model": TOKENS},
            optional={"gen_ai.usage.input_tokens": st.integers(min_value=0, max_value=10**6)},
        ),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        data[name] = draw(optional[name])
    return {
        "specversion": "1.0",
        "id": draw(TOKENS),
        "source": "/case/system",
        "type": kind,
        "subject": task,
        "partitionkey": task,
        "time": draw(MOMENT_TEXTS),
        "dataschema": schema_name(kind),
        "data": data,
    }


@st.composite
def structured_records(draw: st.DrawFn) -> Record:
    """A structured record of a task event, in a spacing of its own."""
    event = draw(task_events())
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    value = json.dumps(event, separators=separators, ensure_ascii=draw(st.booleans())).encode()
    topic = f"frigjort.tasks.v1.{AUTHORITY}"
    return Record(topic, event["subject"].encode(), (("content-type", b"application/cloudevents+json"),), value)


@st.composite
def binary_records(draw: st.DrawFn) -> Record:
    """A binary-mode record of a task event."""
    event = draw(task_events())
    headers = tuple((f"ce_{name}", value.encode()) for name, value in event.items() if name != "data")
    topic = f"frigjort.tasks.v1.{AUTHORITY}"
    content_type = ("content-type", b"application/json")
    return Record(topic, event["subject"].encode(), (content_type, *headers), json.dumps(event["data"]).encode())


_ALL_EXAMPLES = [example.record for example in (*valid(), *invalid()) if len(example.record.value or b"") < 5_000]


@st.composite
def mutated_records(draw: st.DrawFn) -> Record:
    """A record with some of its bytes changed: replaced, inserted, cut out, doubled."""
    record = draw(structured_records() | binary_records() | st.sampled_from(_ALL_EXAMPLES))
    value = bytearray(record.value or b"")
    pieces = st.sampled_from(
        [b'"', b":", b",", b"{", b"}", b"\\", b" ", b"0", b"1", b".", b"e", b"-", b"null", b"\n", b"\xc3\xa6", b"\x00"]
    )
    for _ in range(draw(st.integers(min_value=1, max_value=3))):
        at = draw(st.integers(min_value=0, max_value=max(0, len(value))))
        length = draw(st.integers(min_value=0, max_value=12))
        match draw(st.sampled_from(["replace", "insert", "cut", "double"])):
            case "replace":
                value[at : at + 1] = draw(pieces)
            case "insert":
                value[at:at] = draw(pieces)
            case "cut":
                del value[at : at + length]
            case _:
                value[at:at] = value[at : at + length]
    return Record(record.topic, record.key, record.headers, bytes(value))
