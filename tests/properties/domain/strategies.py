"""Registries and tasks over a universe so small that scopes meet, intervals overlap and boundaries are hit."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from contracts.events import (
    PUBLISHED,
    REGISTERED,
    WITHDRAWN,
    AuthorityRegistered,
    BaselinePublished,
    BaselineWithdrawn,
    RegistryEvent,
    schema_name,
)
from contracts.registry import Authority, Baseline, BaselineWithdrawal
from contracts.tasks import TaskState

AUTHORITIES = ("10000009", "10000017", "10000025")
SECTORS = ("state", "municipality")
TASK_TYPES = ("local:a", "kle:27.35.04")
COMPLEXITIES = ("low", "medium", "unspecified")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 12
CAP_MS = 900_000
EVIDENCE = {
    "source": "history",
    "sha256": "0" * 64,
    "window_from": START - timedelta(days=90),
    "window_to": START - timedelta(days=1),
}


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def baseline(generation: int, **fields: Any) -> Baseline:
    """A national baseline for everything, in force for the whole of the universe, unless the fields say otherwise."""
    given = {name: value for name, value in fields.items() if value is not None}
    return Baseline.model_validate(
        {
            "baseline": f"b{generation}",
            "version": 1,
            "generation": generation,
            "level": "nation",
            "task_type": TASK_TYPES[0],
            "complexity": "any",
            "valid_from": day(0),
            "valid_to": day(DAYS),
            "expires_at": day(DAYS),
            "n": 100,
            "clusters": 50,
            "mean_ms": generation * 1_000,
            "standard_error_ms": 10,
            "median_ms": 500,
            "p90_ms": 2_000,
            "method": "history",
            "evidence": EVIDENCE,
            "proposed_by": "first",
            "approved_by": "second",
            **given,
        }
    )


def task(**fields: Any) -> TaskState:
    """A finished task without AI, fully known, unless the fields say otherwise."""
    return TaskState.model_validate(
        {
            "authority": AUTHORITIES[0],
            "task": "t1",
            "revision": 1,
            "task_type": TASK_TYPES[0],
            "complexity": "low",
            "started_at": day(0),
            "completed_at": day(1),
            "active_ms": 1_000,
            "review_ms": 0,
            "rework_ms": 0,
            "time_basis": "measured",
            "assistance": "none",
            "assignment": "chosen",
            "origin": "pre_existing",
            "outcome": "completed",
            "work": "core",
            "audience": "citizen",
            **fields,
        }
    )


def event(data: Baseline | BaselineWithdrawal | Authority) -> RegistryEvent:
    """The registry event that carries this data."""
    attributes = {
        "specversion": "1.0",
        "id": f"e{data.generation}",
        "source": "/registry",
        "subject": f"s{data.generation}",
        "partitionkey": f"s{data.generation}",
        "time": START,
        "data": data,
    }
    kinds: dict[type, tuple[type[RegistryEvent], str]] = {
        Baseline: (BaselinePublished, PUBLISHED),
        BaselineWithdrawal: (BaselineWithdrawn, WITHDRAWN),
        Authority: (AuthorityRegistered, REGISTERED),
    }
    kind, name = kinds[type(data)]
    return kind.model_validate({**attributes, "type": name, "dataschema": schema_name(name)})


@st.composite
def baselines(draw: st.DrawFn, generation: int) -> Baseline:
    """A baseline of any level, for any scope of the universe, over any interval of whole days."""
    level = draw(st.sampled_from(["authority", "sector", "nation"]))
    owners = {"authority": AUTHORITIES[:2], "sector": SECTORS}
    owner = {level: draw(st.sampled_from(owners[level]))} if level in owners else {}
    complexity = draw(st.sampled_from(["any", "low", "medium"]))
    if draw(st.booleans()):  # the whole of the time, so that levels and complexities compete
        return baseline(generation, **owner, level=level, version=generation, complexity=complexity)
    valid_from = draw(st.integers(0, DAYS - 1))
    return baseline(
        generation,
        **owner,
        version=generation,
        level=level,
        task_type=draw(st.sampled_from(TASK_TYPES)),
        complexity=complexity,
        valid_from=day(valid_from),
        valid_to=day(draw(st.integers(valid_from + 1, DAYS))),
        expires_at=day(draw(st.integers(0, DAYS))),
        cap_ms=draw(st.sampled_from([None, CAP_MS, 2 * CAP_MS])),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[RegistryEvent]:
    """What a registry published, in the order of generations."""
    events: list[RegistryEvent] = []
    published: list[Baseline] = []
    versions: dict[str, int] = {}
    for generation in range(1, draw(st.integers(1, 12)) + 1):
        kind = draw(st.sampled_from(["baseline", "baseline", "baseline", "withdrawal", "authority"]))
        if kind == "authority":
            authority = draw(st.sampled_from(AUTHORITIES))
            versions[authority] = versions.get(authority, 0) + 1
            sector = draw(st.sampled_from(SECTORS))
            data: Baseline | BaselineWithdrawal | Authority = Authority.model_validate(
                {
                    "authority": authority,
                    "version": versions[authority],
                    "generation": generation,
                    "name": "Eksempel",
                    "sector": sector,
                }
            )
        elif kind == "withdrawal" and published:
            taken = draw(st.sampled_from(published))
            data = BaselineWithdrawal(
                baseline=taken.baseline,
                version=taken.version,
                generation=generation,
                reason="wrong",
                withdrawn_by="second",
            )
        else:
            data = draw(baselines(generation))
            published.append(data)
        events.append(event(data))
    return events


MOMENTS = st.builds(
    lambda days, offset_ms: day(days) + timedelta(milliseconds=offset_ms),
    st.integers(0, DAYS),
    st.sampled_from([-1, 0, 1, 43_200_000]),
)
PARTS = st.none() | st.sampled_from([0, 1, 60_000])
ACTIVE = st.sampled_from([0, 1, CAP_MS - 1, CAP_MS, CAP_MS + 1, 2 * CAP_MS, 2 * CAP_MS + 1, 10**9])


@st.composite
def tasks(draw: st.DrawFn) -> TaskState:
    """A task anywhere in the universe: often exactly on a boundary of an interval or of a cap."""
    completed = draw(MOMENTS)
    return task(
        authority=draw(st.sampled_from(AUTHORITIES)),
        task_type=draw(st.sampled_from([TASK_TYPES[0], *TASK_TYPES])),
        complexity=draw(st.sampled_from(COMPLEXITIES)),
        started_at=completed - timedelta(hours=1),
        completed_at=completed,
        active_ms=draw(ACTIVE),
        review_ms=draw(PARTS),
        rework_ms=draw(PARTS),
        time_basis=draw(st.sampled_from(["measured", "elapsed", "self_reported"])),
        assistance=draw(st.sampled_from(["none", "draft", "automation"])),
        origin=draw(st.sampled_from(["pre_existing", "pre_existing", "induced"])),
        outcome=draw(st.sampled_from(["completed", "completed", "abandoned", "escalated"])),
    )
