"""What the example files are written from: base events, and one change each with the verdict that it must get.

The verdicts are written by hand from the contract's words; only the paths of the personal-number examples are walked,
so that no string field can be forgotten.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

from contracts import events, topics
from contracts.codes import RejectionCode as Code
from contracts.examples import CANARY, Example, base
from contracts.reading import MAX_BYTES, STRUCTURED, STRUCTURED_HEADERS, Record

_CPR_FORMS: Final = (CANARY, CANARY.replace("-", ""), CANARY.replace("-", " "), "610190-1234")


def valid_examples() -> Iterator[Example]:
    """At least one of every type, both content modes, every optional field, every kind of task type."""
    structured = {
        "completed": base.task(),
        "completed-full": base.full(),
        "completed-without-ai": base.task(assistance="none", review_ms=None, rework_ms=None),
        "completed-review-unknown": base.task(review_ms=None),
        "completed-elapsed": base.task(time_basis="elapsed", active_ms=9_000_000),
        "completed-control": base.task(
            assignment="random", arm="control", assigned_at="2026-03-02T08:00:00Z", assistance="none"
        ),
        "completed-abandoned": base.task(outcome="abandoned"),
        "completed-induced": base.task(origin="induced"),
        "completed-kle-facet": base.task(task_type="kle:27.35.04-G01"),
        "completed-form": base.task(task_type="form:12.25.10"),
        "completed-local": base.task(task_type="local:byggesag-lille"),
        "completed-zero-time": base.task(active_ms=0, started_at="2026-03-02T08:40:00.000Z"),
        "completed-worker-in-study": base.task(study="trial-1", cluster="w-1", cluster_kind="worker"),
        "completed-nanoseconds": base.task(completed_at="2026-03-02T08:40:00.123456789Z"),
        "corrected": base.task(events.CORRECTED, active_ms=900_000),
        "reopened": base.task(events.REOPENED, rework_ms=300_000),
        "retracted": base.retraction(),
        "heartbeat": base.heartbeat(),
        "realised": base.realisation(),
    }
    for name, event in structured.items():
        yield Example(name, base.record(event))
    yield Example("binary-completed", base.binary(base.task()))
    yield Example("binary-completed-full", base.binary(base.full()))
    traced = base.binary(base.task())
    yield Example(
        "binary-traced", Record(base.TOPIC, traced.key, (*traced.headers, ("traceparent", b"\xff\xfe")), traced.value)
    )
    charset = (("content-type", f"{STRUCTURED}; charset=utf-8".encode()),)
    yield Example("structured-charset", Record(base.TOPIC, b"t-1", charset, base.record(base.task()).value))
    for name, event in (
        ("baseline-published", base.baseline()),
        ("baseline-withdrawn", base.withdrawal()),
        ("authority", base.authority()),
    ):
        yield Example(f"registry-{name}", base.record(event, topics.BASELINES))


def invalid_examples() -> Iterator[Example]:
    """One broken rule each."""
    yield from _field_examples()
    yield from _byte_examples()
    yield from _header_examples()
    yield from _personal_number_examples()


_FIELD_RULES: Final[tuple[tuple[str, str, Any, Code, str], ...]] = (
    # name, field, value, code, path ("" = the field itself)
    ("unknown-field-data", "data.caseworker", "x", Code.UNKNOWN_FIELD, "data.*"),
    ("unknown-field-event", "extension", "x", Code.UNKNOWN_FIELD, "*"),
    ("unknown-field-ai", "data.ai", {"gen_ai.provider.name": "p", "gen_ai.request.model": "m", "seed": 1}, Code.UNKNOWN_FIELD, "data.ai.*"),
    ("missing-authority", "data.authority", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-task", "data.task", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-review", "data.review_ms", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-data", "data", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-id", "id", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-type", "type", base.REMOVED, Code.MISSING_FIELD, ""),
    ("missing-partitionkey", "partitionkey", base.REMOVED, Code.MISSING_FIELD, ""),
    ("wrong-type-text-for-number", "data.active_ms", "1200000", Code.WRONG_TYPE, ""),
    ("wrong-type-fraction", "data.active_ms", 1200000.5, Code.WRONG_TYPE, ""),
    ("wrong-type-whole-fraction", "data.active_ms", 1200000.0, Code.WRONG_TYPE, ""),
    ("wrong-type-true", "data.revision", True, Code.WRONG_TYPE, ""),
    ("wrong-type-number-for-text", "data.task", 17, Code.WRONG_TYPE, ""),
    ("wrong-type-null", "data.active_ms", None, Code.WRONG_TYPE, ""),
    ("wrong-type-null-optional", "data.arm", None, Code.WRONG_TYPE, ""),
    ("wrong-type-list", "data", [], Code.WRONG_TYPE, ""),
    ("wrong-type-time", "data.started_at", 1772438400, Code.WRONG_TYPE, ""),
    ("wrong-type-of-type", "type", 1, Code.WRONG_TYPE, ""),
    ("range-negative", "data.active_ms", -1, Code.OUT_OF_RANGE, ""),
    ("range-two-years", "data.active_ms", 63_072_000_000, Code.OUT_OF_RANGE, ""),
    ("range-revision-zero", "data.revision", 0, Code.OUT_OF_RANGE, ""),
    ("range-enormous", "data.active_ms", 10**30, Code.OUT_OF_RANGE, ""),
    ("format-task-blank", "data.task", "t 1", Code.INVALID_FORMAT, ""),
    ("format-task-empty", "data.task", "", Code.INVALID_FORMAT, ""),
    ("format-task-newline", "data.task", "t-1\n", Code.INVALID_FORMAT, ""),
    ("format-task-long", "data.task", "t" * 129, Code.INVALID_FORMAT, ""),
    ("format-source", "source", "case system", Code.INVALID_FORMAT, ""),
    ("format-sequence", "sequence", "-1", Code.INVALID_FORMAT, ""),
    ("format-surrogate", "data.programme", "\\ud800", Code.INVALID_FORMAT, ""),
    ("value-complexity", "data.complexity", "any", Code.INVALID_VALUE, ""),
    ("value-assistance", "data.assistance", "some", Code.INVALID_VALUE, ""),
    ("value-outcome", "data.outcome", "Completed", Code.INVALID_VALUE, ""),
    ("value-specversion", "specversion", "0.3", Code.INVALID_VALUE, ""),
    ("value-dataschema", "dataschema", "urn:frigjort:schema:other", Code.INVALID_VALUE, ""),
    ("value-datacontenttype", "datacontenttype", "text/xml", Code.INVALID_VALUE, ""),
    ("cvr-checksum", "data.authority", "10000008", Code.INVALID_CVR, ""),
    ("cvr-length", "data.authority", "1000000", Code.INVALID_CVR, ""),
    ("task-type-kle", "data.task_type", "kle:27.35", Code.INVALID_TASK_TYPE, ""),
    ("task-type-kle-facet", "data.task_type", "kle:27.35.04-G1", Code.INVALID_TASK_TYPE, ""),
    ("task-type-form", "data.task_type", "form:12", Code.INVALID_TASK_TYPE, ""),
    ("task-type-local", "data.task_type", "local:Stor", Code.INVALID_TASK_TYPE, ""),
    ("task-type-scheme", "data.task_type", "emne:1", Code.INVALID_TASK_TYPE, ""),
    ("time-naive", "data.started_at", "2026-03-02T09:00:00", Code.NAIVE_TIMESTAMP, ""),
    ("time-naive-event", "time", "2026-03-02T09:00:00.5", Code.NAIVE_TIMESTAMP, ""),
    ("time-no-such-day", "data.started_at", "2026-02-30T09:00:00Z", Code.INVALID_TIMESTAMP, ""),
    ("time-blank", "data.started_at", "2026-03-02 09:00:00Z", Code.INVALID_TIMESTAMP, ""),
    ("time-leap-second", "data.started_at", "2025-12-31T23:59:60Z", Code.INVALID_TIMESTAMP, ""),
    ("time-last-century", "data.started_at", "1999-03-02T09:00:00Z", Code.INVALID_TIMESTAMP, ""),
    ("time-next-century", "data.completed_at", "2099-12-31T23:59:59-05:00", Code.INVALID_TIMESTAMP, ""),
    ("completed-before-started", "data.completed_at", "2026-03-02T07:59:59.999Z", Code.COMPLETED_BEFORE_STARTED, "data"),
    ("inconsistent-arm-alone", "data.arm", "control", Code.INCONSISTENT, "data"),
    ("inconsistent-cluster-alone", "data.cluster", "c-1", Code.INCONSISTENT, "data"),
    ("inconsistent-stratum-alone", "data.stratum", "s-1", Code.INCONSISTENT, "data"),
    ("inconsistent-prediction", "data.predicted_without_ai_ms", 1, Code.INCONSISTENT, "data"),
    ("unknown-type", "type", "dk.frigjort.task.started.v1", Code.UNKNOWN_TYPE, ""),
    ("unknown-version", "type", "dk.frigjort.task.completed.v2", Code.UNKNOWN_TYPE, ""),
    ("authority-mismatch", "data.authority", "10000017", Code.AUTHORITY_MISMATCH, ""),
    ("task-mismatch-subject", "subject", "t-2", Code.TASK_MISMATCH, ""),
    ("task-mismatch-partitionkey", "partitionkey", "t-2", Code.TASK_MISMATCH, ""),
    ("task-mismatch-data", "data.task", "t-2", Code.TASK_MISMATCH, "subject"),
    ("prompt-content", "data.ai", {"gen_ai.provider.name": "p", "gen_ai.request.model": "m", "gen_ai.prompt": "Kære"}, Code.PROMPT_CONTENT, "data.ai.*"),
    ("prompt-messages", "data.ai", {"gen_ai.provider.name": "p", "gen_ai.request.model": "m", "gen_ai.input.messages": []}, Code.PROMPT_CONTENT, "data.ai.*"),
    ("completion-content", "data.ai", {"gen_ai.provider.name": "p", "gen_ai.request.model": "m", "gen_ai.completion": "Hej"}, Code.PROMPT_CONTENT, "data.ai.*"),
)  # fmt: skip


def _field_examples() -> Iterator[Example]:
    for name, field, value, code, path in _FIELD_RULES:
        event = base.changed(base.task(), field, value)
        text = json.dumps(event, ensure_ascii=False).replace("\\\\ud800", "\\ud800")
        yield Example(name, Record(base.TOPIC, b"t-1", STRUCTURED_HEADERS, text.encode()), code, path or field)
    drawn_late = base.task(assignment="random", arm="treatment", assigned_at="2026-03-02T08:00:00.001Z")
    yield Example("assigned-after-start", base.record(drawn_late), Code.ASSIGNED_AFTER_START, "data")
    worker = base.task(cluster="w-1", cluster_kind="worker")
    yield Example("inconsistent-worker-without-study", base.record(worker), Code.INCONSISTENT, "data")
    chosen = base.task(arm="control", assigned_at="2026-03-02T07:00:00Z")
    yield Example("inconsistent-arm-not-random", base.record(chosen), Code.INCONSISTENT, "data")
    yield Example(
        "inconsistent-correction", base.record(base.task(events.CORRECTED, revision=1)), Code.INCONSISTENT, ""
    )
    backwards = base.changed(base.realisation(), "data.period_to", "2025-12-31T00:00:00Z")
    yield Example("inconsistent-period", base.record(backwards), Code.INCONSISTENT, "data")
    yield Example("wrong-topic-baseline", base.record(base.baseline()), Code.WRONG_TOPIC, "type")
    other_key = Record(base.TOPIC, b"t-2", STRUCTURED_HEADERS, base.record(base.task()).value)
    yield Example("task-mismatch-key", other_key, Code.TASK_MISMATCH, "key")
    no_key = Record(base.TOPIC, None, STRUCTURED_HEADERS, base.record(base.task()).value)
    yield Example("task-mismatch-no-key", no_key, Code.TASK_MISMATCH, "key")


def _byte_examples() -> Iterator[Example]:
    good = base.record(base.task()).value or b""
    twice_nested = good.replace(b'"work": "core"', b'"work": "core", "work": "core"')
    values: dict[str, tuple[bytes | None, Code]] = {
        "empty-value": (b"", Code.EMPTY_VALUE),
        "tombstone": (None, Code.EMPTY_VALUE),
        "oversized": (good[:-1] + b', "padding": "' + b"x" * MAX_BYTES + b'"}', Code.OVERSIZED),
        "invalid-utf8": (good.replace(b"draft", b"dr\xe6ft"), Code.INVALID_UTF8),
        "utf16": (good.decode().encode("utf-16"), Code.INVALID_UTF8),
        "byte-order-mark": (b"\xef\xbb\xbf" + good, Code.INVALID_JSON),
        "not-json": (b"task=t-1", Code.INVALID_JSON),
        "json-list": (b"[" + good + b"]", Code.INVALID_JSON),
        "json-null": (b"null", Code.INVALID_JSON),
        "json-cut": (good[:-2], Code.INVALID_JSON),
        "json-deep": (b"[" * 30_000, Code.INVALID_JSON),
        "not-a-number": (good.replace(b"1200000", b"NaN"), Code.NON_FINITE_NUMBER),
        "infinity": (good.replace(b"1200000", b"-Infinity"), Code.NON_FINITE_NUMBER),
        "two-documents": (good + good, Code.TRAILING_DATA),
        "two-documents-newline": (good + b"\n" + good, Code.TRAILING_DATA),
        "trailing-garbage": (good + b"x", Code.TRAILING_DATA),
        "duplicate-key": (good[:-1] + b', "id": "t-1-1"}', Code.DUPLICATE_KEY),
        "duplicate-key-nested": (twice_nested, Code.DUPLICATE_KEY),
        "duplicate-key-escaped": (good[:-1] + b', "\\u0069d": "t-1-1"}', Code.DUPLICATE_KEY),
        "duplicate-key-blank": (good.replace(b'"id":', b'"id" :')[:-1] + b', "id": "t-1-1"}', Code.DUPLICATE_KEY),
    }
    for name, (value, code) in values.items():
        yield Example(name, Record(base.TOPIC, b"t-1", STRUCTURED_HEADERS, value), code, "")


def _header_examples() -> Iterator[Example]:
    good = base.binary(base.task())
    structured = base.record(base.task())

    def with_headers(*headers: tuple[str, bytes]) -> Record:
        return Record(base.TOPIC, b"t-1", headers, good.value)

    rest = good.headers
    without_id = tuple(header for header in rest if header[0] != "ce_id")
    records: dict[str, tuple[Record, Code, str]] = {
        "none": (Record(base.TOPIC, b"t-1", (), structured.value), Code.INVALID_HEADER, "headers.content-type"),
        "plain-json": (Record(base.TOPIC, b"t-1", (("content-type", b"application/json"),), structured.value), Code.INVALID_HEADER, "headers.content-type"),
        "other-content-type": (with_headers(("content-type", b"text/plain"), *rest[1:]), Code.INVALID_HEADER, "headers.content-type"),
        "not-utf8": (with_headers(rest[0], ("ce_id", b"\xff"), *without_id[1:]), Code.INVALID_HEADER, "headers.ce_id"),
        "twice": (with_headers(*rest, ("ce_id", b"t-1-2")), Code.INVALID_HEADER, "headers.ce_id"),
        "upper-case-name": (with_headers(*rest, ("ce_Extension", b"x")), Code.INVALID_HEADER, "headers.*"),
        "two-content-types": (with_headers(*rest, ("content-type", b"application/json")), Code.INVALID_HEADER, "headers.content-type"),
        "missing-id": (with_headers(*without_id), Code.MISSING_FIELD, "id"),
        "unknown-extension": (with_headers(*rest, ("ce_extension", b"x")), Code.UNKNOWN_FIELD, "*"),
        "data-smuggled": (with_headers(*rest, ("ce_data", b"{}")), Code.INVALID_HEADER, "headers.*"),
        "personal-number": (with_headers(*without_id, ("ce_id", CANARY.encode())), Code.PERSONAL_NUMBER, "id"),
    }  # fmt: skip
    for name, (record, code, path) in records.items():
        yield Example(f"header-{name}", record, code, path)
    broken = Record(base.TOPIC, b"t-1", rest, (good.value or b"") + b'},"subject":"t-2"')
    yield Example("header-binary-splice", broken, Code.TRAILING_DATA, "")


def string_fields(event: dict[str, Any]) -> list[str]:
    """The path of every string in an event."""
    paths: list[str] = []
    for name, value in event.items():
        if isinstance(value, str):
            paths.append(name)
        elif isinstance(value, dict):
            paths += [f"{name}.{below}" for below in string_fields(value)]
    return paths


def _set_string(event: dict[str, Any], path: str, value: str) -> dict[str, Any]:
    if path.startswith("data.ai."):
        ai = {**event["data"]["ai"], path.removeprefix("data.ai."): value}
        return base.changed(event, "data.ai", ai)
    return base.changed(event, path, value)


def _personal_number_examples() -> Iterator[Example]:
    cases = {
        "completed": base.full(),
        "retracted": base.retraction(),
        "heartbeat": base.heartbeat(),
        "realised": base.realisation(),
    }
    number = 0
    for kind, event in cases.items():
        for path in string_fields(event):
            form = _CPR_FORMS[number % len(_CPR_FORMS)]
            number += 1
            changed_event = _set_string(event, path, form)
            record = Record(
                base.TOPIC, event["subject"].encode(), STRUCTURED_HEADERS, json.dumps(changed_event).encode()
            )
            yield Example(f"personal-number-{kind}-{path}", record, Code.PERSONAL_NUMBER, path)
    extra = {
        "in-a-token": ("data.task", f"case/{CANARY}/2"),
        "in-an-unknown-field": ("data.note", f"ring til {CANARY}"),
        "in-a-number-text": ("data.active_ms", CANARY.replace("-", "")),
    }
    for name, (path, value) in extra.items():
        record = Record(
            base.TOPIC, b"t-1", STRUCTURED_HEADERS, json.dumps(base.changed(base.task(), path, value)).encode()
        )
        expected = "data.*" if name == "in-an-unknown-field" else path
        yield Example(f"personal-number-{name}", record, Code.PERSONAL_NUMBER, expected)
    escaped = json.dumps(base.task()).replace("kle:27.35.04", "\\u0030\\u0031\\u0030\\u0031\\u0039\\u0030-1234")
    record = Record(base.TOPIC, b"t-1", STRUCTURED_HEADERS, escaped.encode())
    yield Example("personal-number-escaped", record, Code.PERSONAL_NUMBER, "data.task_type")
    as_name = Record(
        base.TOPIC, b"t-1", STRUCTURED_HEADERS, json.dumps(base.changed(base.task(), f"data.{CANARY}", 1)).encode()
    )
    yield Example("personal-number-as-field-name", as_name, Code.PERSONAL_NUMBER, "data.*")
    as_key = Record(base.TOPIC, CANARY.encode(), STRUCTURED_HEADERS, base.record(base.task()).value)
    yield Example("personal-number-as-key", as_key, Code.PERSONAL_NUMBER, "key")
