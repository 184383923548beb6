"""Whether stored rows of `baselines` and `authorities` are what their payloads say. Pure.

The columns are derived from the payload's JSON here once more, and not by the code that writes them: what that code gets wrong
is seen too.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Any, Final

from contracts.events import PUBLISHED, REGISTERED, WITHDRAWN, epoch_ms
from contracts.registry import GRADE_OF_METHOD
from services.audit.seals.findings import Fault, Kind
from services.audit.seals.rows import registry_leaves
from services.audit.seals.verification import Entry

Columns = Mapping[str, Any]
"""A row by the names of its columns: moments as aware datetimes, digests as bytes."""

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COPIED: Final = ("level", "task_type", "complexity", "method", "proposed_by", "approved_by")
_NUMBERS: Final = ("n", "clusters", "mean_ms", "standard_error_ms", "median_ms", "p90_ms")
_MOMENTS: Final = ("valid_from", "valid_to", "expires_at")

BASELINE_COLUMNS: Final = (
    *("baseline", "baseline_version", "kind", "generation", "digest", "published_at", "authority", "sector"),
    *(*_COPIED, *_NUMBERS, *_MOMENTS),
    *("cap_ms", "between_authority_sd_ms", "grade", "evidence_source", "evidence_sha256", "payload"),
)
AUTHORITY_COLUMNS: Final = (
    *("authority", "authority_version", "generation", "digest", "published_at", "name", "sector", "case_systems"),
    *("staff_hours", "payload"),
)


def entries(baselines: Iterable[Columns], authorities: Iterable[Columns]) -> Iterator[Entry]:
    """One entry a generation, of all rows of both tables."""
    told = [("baselines", row, _of_baseline) for row in baselines]
    told += [("authorities", row, _of_authority) for row in authorities]
    told.sort(key=lambda each: (each[1]["generation"], each[1]["digest"]))
    for generation, group in groupby(told, key=lambda each: each[1]["generation"]):
        same = list(group)
        chained = [(generation, epoch_ms(row["published_at"]), row["digest"]) for _, row, _ in same]
        (leaf,) = registry_leaves(chained)
        faults = [fault for table, row, derive in same for fault in _faults(table, row, derive)]
        if leaf.contents > 1:
            tables = ", ".join(sorted({table for table, _, _ in same}))
            faults.append(Fault(Kind.ADDED, tables, f"{leaf.contents} different contents under one generation"))
        yield Entry(leaf, tuple(dict.fromkeys(faults)))


def _faults(table: str, row: Columns, derive: Callable[[Any], dict[str, Any]]) -> Iterator[Fault]:
    if sha256(row["payload"].encode()).digest() != row["digest"]:
        yield Fault(Kind.ALTERED, table, "the digest is not that of the payload")
    try:
        expected = derive(json.loads(row["payload"]))
    except (ValueError, TypeError, LookupError):
        yield Fault(Kind.ALTERED, table, "the payload is no event of the registry")
        return
    for name in sorted(expected):
        if row[name] != expected[name]:
            yield Fault(Kind.ALTERED, table, f"column {name} is not what the payload says")


def _of_baseline(event: Any) -> dict[str, Any]:
    """What the columns must be, by the payload of a publication or a withdrawal."""
    data = event["data"]
    row = {
        "baseline": data["baseline"],
        "baseline_version": data["version"],
        "kind": {PUBLISHED: "published", WITHDRAWN: "withdrawn"}[event["type"]],
        "generation": data["generation"],
        "published_at": _moment(event["time"]),
        **dict.fromkeys((*_COPIED, "authority", "sector", "grade", "evidence_source", "evidence_sha256"), ""),
        **dict.fromkeys(_NUMBERS, 0),
        **dict.fromkeys(_MOMENTS, _NEVER),
        **dict.fromkeys(("cap_ms", "between_authority_sd_ms")),
    }
    if event["type"] == WITHDRAWN:
        return row
    return {
        **row,
        **{name: data[name] for name in (*_COPIED, *_NUMBERS)},
        **{name: _moment(data[name]) for name in _MOMENTS},
        "authority": data.get("authority", ""),
        "sector": data.get("sector", ""),
        "cap_ms": data.get("cap_ms"),
        "between_authority_sd_ms": data.get("between_authority_sd_ms"),
        "grade": GRADE_OF_METHOD[data["method"]],
        "evidence_source": data["evidence"]["source"],
        "evidence_sha256": data["evidence"]["sha256"],
    }


def _of_authority(event: Any) -> dict[str, Any]:
    """What the columns must be, by the payload of a registration."""
    if event["type"] != REGISTERED:
        raise ValueError(event["type"])
    data = event["data"]
    return {
        "authority": data["authority"],
        "authority_version": data["version"],
        "generation": data["generation"],
        "published_at": _moment(event["time"]),
        "name": data["name"],
        "sector": data["sector"],
        "case_systems": data.get("case_systems", 0),
        "staff_hours": data.get("staff_hours", 0),
    }


def _moment(text: str) -> datetime:
    """A moment as a column keeps it: whole milliseconds."""
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
