"""The state of every task after a list of records, from the design's words: plain dictionaries, no class of the project."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.examples import AUTHORITY as EXAMPLE_AUTHORITY
from contracts.examples import invalid

# What is refused is known by its bytes: the simulator sends the contract's own invalid examples and valid events, no more.
_CODES = {(e.record.key, e.record.value, e.record.headers): e.code.value for e in invalid() if e.code is not None}


@dataclass
class Expected:
    """What must be in the tables."""

    states: list[tuple[Any, ...]] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0


def expected(records: Sequence[tuple[str, bytes | None, bytes | None, Any]], means: Mapping[str, int]) -> Expected:
    """Highest revision wins; at one revision a retraction; then the first of the log (one partition an authority)."""
    result = Expected()
    newest: dict[tuple[str, str], tuple[tuple[int, int, int], dict[str, Any] | None]] = {}
    ids: set[tuple[str, str]] = set()
    for number, (topic, key, value, headers) in enumerate(records):
        authority = topic.rsplit(".", 1)[1]
        code = _code_of(authority, key, value, headers)
        if code is not None:
            result.rejected[code] = result.rejected.get(code, 0) + 1
            continue
        event = json.loads(value or b"")
        result.duplicates += (authority, event["id"]) in ids
        ids.add((authority, event["id"]))
        data = event["data"]
        retracted = event["type"].endswith("retracted.v1")
        rank = (data["revision"], int(retracted), -number)
        place = (authority, data["task"])
        if place not in newest or newest[place][0] < rank:
            newest[place] = (rank, None if retracted else data)
    for (authority, task), (rank, data) in sorted(newest.items()):
        if data is not None:
            result.states.append((authority, task, rank[0], *_figures(data, means)))
    return result


def _code_of(authority: str, key: bytes | None, value: bytes | None, headers: Any) -> str | None:
    """The code of an invalid example, back on the topic of the examples; `None` for anything else."""
    old, new = authority.encode(), EXAMPLE_AUTHORITY.encode()
    moved_key = None if key is None else key.replace(old, new)
    moved_value = None if value is None else value.replace(old, new)
    return _CODES.get((moved_key, moved_value, tuple(headers)))


def _figures(data: dict[str, Any], means: Mapping[str, int]) -> tuple[int, int | None, int | None]:
    effort = data["active_ms"] + data["review_ms"] + data["rework_ms"]
    finished = data["outcome"] == "completed"
    mean = means.get(data["task_type"] + data["complexity"])
    if not finished:
        return effort, None, -effort
    if mean is None:
        return effort, None, None
    return effort, mean, mean - effort
