"""Synthetic case systems: what 123 authorities would send, with what goes wrong in the mix. Seeded: the same every time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np

from contracts import topics
from contracts.events import COMPLETED, CORRECTED, REOPENED, RETRACTED, schema_name
from contracts.examples import Example, invalid
from contracts.identifiers import is_cvr
from contracts.reading import STRUCTURED_HEADERS
from services.baselines.estimates import rfc3339
from services.cli.demo.offices import METHOD_OFFICE

_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS: Final = 120
SYNTHETIC_SOURCE: Final = "synthetic-history"


@dataclass(frozen=True, slots=True)
class TaskKind:
    """A kind of casework: its true mean without AI, spread of log effort, and what AI does to it (0.8: 20 % less)."""

    task_type: str
    complexity: str
    mean_minutes: float
    sigma: float
    with_ai: float


KINDS: Final = (
    TaskKind("kle:27.35.04", "low", 18, 0.7, 0.80),
    TaskKind("kle:27.35.04", "high", 55, 0.8, 0.90),
    TaskKind("kle:32.18.04-G01", "medium", 32, 0.6, 0.70),
    TaskKind("kle:01.02.05", "medium", 140, 0.9, 0.85),
    TaskKind("form:44.20.05", "low", 9, 0.5, 0.75),
    TaskKind("form:12.25.10", "medium", 47, 0.8, 1.10),
    TaskKind("local:borgerhenvendelse", "low", 6, 0.6, 0.65),
)
UNMEASURED_KIND: Final = TaskKind("local:ny-opgave", "low", 20, 0.6, 0.8)
"""A task type that nobody has a baseline for."""


@dataclass(frozen=True, slots=True)
class SyntheticAuthority:
    """An authority that does not exist: a name of the demo, a number that passes the check."""

    cvr: str
    name: str
    sector: str


def authorities() -> list[SyntheticAuthority]:
    """98 municipalities, 5 regions and 20 state agencies."""
    numbers = (str(number) for number in range(20_000_000, 30_000_000) if is_cvr(str(number)))
    kinds = [("municipality", "Demokommune", 98), ("region", "Demoregion", 5), ("state", "Demostyrelse", 20)]
    return [
        SyntheticAuthority(next(numbers), f"{name} {number}", sector)
        for sector, name, count in kinds
        for number in range(1, count + 1)
    ]


def baselines() -> list[dict[str, Any]]:
    """Drafts of national baselines for every kind but the one that has none, as an estimate of a history would be."""
    start = rfc3339(_START - timedelta(days=365))
    end = rfc3339(_START + timedelta(days=365))
    window = {"window_from": rfc3339(_START - timedelta(days=730)), "window_to": start}
    return [
        {
            "baseline": f"nation/{kind.task_type.partition(':')[2]}/{kind.complexity}",
            "level": "nation",
            "task_type": kind.task_type,
            "complexity": kind.complexity,
            "valid_from": start,
            "valid_to": end,
            "expires_at": end,
            "n": 4_000,
            "clusters": 1_200,
            "mean_ms": round(kind.mean_minutes * 60_000),
            "standard_error_ms": round(kind.mean_minutes * 60_000 * 0.02),
            "median_ms": round(kind.mean_minutes * 45_000),
            "p90_ms": round(kind.mean_minutes * 120_000),
            "cap_ms": 240 * 60_000,
            "between_authority_sd_ms": round(kind.mean_minutes * 60_000 * 0.08),
            "method": "history",
            "evidence": {"source": SYNTHETIC_SOURCE, "sha256": "0" * 64, **window},
            "proposed_by": METHOD_OFFICE,
        }
        for kind in KINDS
    ]


@dataclass(slots=True)
class Sent:
    """What the case systems know that they sent."""

    records: int = 0
    tasks: int = 0
    duplicates: int = 0
    invalid: int = 0
    codes: dict[str, int] = field(default_factory=dict)


Message = tuple[str, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""Topic, key, value, headers."""


def messages(count: int, seed: int, sent: Sent) -> Iterator[Message]:
    """`count` task events and what comes with them: 1 % duplicates, 2 % corrections, 0.5 % reopened, 0.3 % retracted,
    1 % invalid, 3 % late. Some corrections come before what they correct."""
    chance = np.random.default_rng(seed)
    places = authorities()
    weights = chance.dirichlet(np.full(len(places), 2.0))
    bad = [example for example in invalid() if len(example.record.value or b"") < 5_000]
    for first in range(0, count, 10_000):
        size = min(10_000, count - first)
        yield from _chunk(
            first, size, chance, [places[i] for i in chance.choice(len(places), size, p=weights)], bad, sent
        )


def _chunk(
    first: int, size: int, chance: np.random.Generator, places: list[SyntheticAuthority], bad: list[Example], sent: Sent
) -> Iterator[Message]:
    kinds = chance.choice(len(KINDS) + 1, size, p=[*([0.97 / len(KINDS)] * len(KINDS)), 0.03])
    noise = chance.standard_normal(size)
    seconds = chance.integers(0, _DAYS * 86_400, size)
    fate = chance.random(size)
    assisted = chance.random((size, 3))
    other = chance.integers(0, 2**31, size)
    for i in range(size):
        kind = (*KINDS, UNMEASURED_KIND)[kinds[i]]
        at = _START + timedelta(seconds=int(seconds[i]))
        event = _task(first + i, places[i].cvr, kind, at, float(noise[i]), assisted[i], int(other[i]))
        yield from _with_fate(event, places[i].cvr, float(fate[i]), int(other[i]), bad, sent)


def _with_fate(
    event: dict[str, Any], cvr: str, fate: float, other: int, bad: list[Example], sent: Sent
) -> Iterator[Message]:
    sent.tasks += 1
    following: list[dict[str, Any]] = []
    if fate < 0.02:
        following = [_follow_up(event, CORRECTED, active_ms=event["data"]["active_ms"] * 9 // 10)]
    elif fate < 0.025:
        following = [_follow_up(event, REOPENED, rework_ms=300_000)]
    elif fate < 0.028:
        following = [_retraction(event)]
    events = [event, *following]
    if fate < 0.005:  # out of order
        events.reverse()
    for each in events:
        sent.records += 1
        yield _message(cvr, each)
    if 0.03 <= fate < 0.04:
        sent.records += 1
        sent.duplicates += 1
        yield _message(cvr, event)
    elif 0.04 <= fate < 0.05:
        example = bad[other % len(bad)].of(cvr)
        sent.records += 1
        sent.invalid += 1
        if example.code is not None:
            sent.codes[example.code.value] = sent.codes.get(example.code.value, 0) + 1
        record = example.record
        yield record.topic, record.key, record.value, record.headers


def _task(
    number: int, cvr: str, kind: TaskKind, completed: datetime, noise: float, draws: np.ndarray[Any, Any], other: int
) -> dict[str, Any]:
    """One finished task. 5 % are held out by lot; of the others two thirds are done with AI."""
    held_out = draws[0] < 0.05
    with_ai = not held_out and draws[1] < 0.67
    minutes = kind.mean_minutes * np.exp(kind.sigma * noise - kind.sigma**2 / 2) * (kind.with_ai if with_ai else 1.0)
    active = max(1_000, int(minutes * 60_000))
    review = active // 12 if with_ai else 0
    late = timedelta(days=int(other % 20)) if draws[2] < 0.03 else timedelta()
    started = completed - timedelta(milliseconds=active + review)
    task = f"t-{number:09d}"
    data: dict[str, Any] = {
        "authority": cvr,
        "task": task,
        "revision": 1,
        "task_type": kind.task_type,
        "complexity": kind.complexity,
        "started_at": rfc3339(started),
        "completed_at": rfc3339(completed),
        "active_ms": active - review,
        "review_ms": review,
        "rework_ms": 0,
        "time_basis": "measured",
        "assistance": "draft" if with_ai else "none",
        "assignment": "random" if held_out else "eligible",
        "origin": "pre_existing",
        "outcome": "abandoned" if other % 97 == 0 else "completed",
        "work": "core" if other % 3 else "administrative",
        "audience": ("citizen", "business", "internal")[other % 3],
        "cluster": f"c-{other % 40}",
        "cluster_kind": "team",
    }
    if held_out:
        data |= {"arm": "control", "assigned_at": rfc3339(started - timedelta(minutes=1))}
    if with_ai:
        data["ai"] = {
            "gen_ai.provider.name": "demo",
            "gen_ai.request.model": "demo-1",
            "gen_ai.usage.output_tokens": 250,
        }
    return _event(COMPLETED, task, f"{task}-1", completed + late, data)


def _event(event_type: str, task: str, event_id: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/demo/casesystem",
        "type": event_type,
        "subject": task,
        "partitionkey": task,
        "time": rfc3339(at),
        "datacontenttype": "application/json",
        "dataschema": schema_name(event_type),
        "data": data,
    }


def _follow_up(event: dict[str, Any], event_type: str, **changes: int) -> dict[str, Any]:
    data = {**event["data"], **changes, "revision": 2}
    return {
        **event,
        "id": f"{event['subject']}-2",
        "type": event_type,
        "dataschema": schema_name(event_type),
        "data": data,
    }


def _retraction(event: dict[str, Any]) -> dict[str, Any]:
    data = {
        "authority": event["data"]["authority"],
        "task": event["subject"],
        "revision": 2,
        "reason": "reported-in-error",
    }
    kind = {"type": RETRACTED, "dataschema": schema_name(RETRACTED)}
    return {**event, "id": f"{event['subject']}-2", **kind, "data": data}


def _message(cvr: str, event: dict[str, Any]) -> Message:
    return topics.tasks_topic(cvr), event["subject"].encode(), msgspec.json.encode(event), STRUCTURED_HEADERS
