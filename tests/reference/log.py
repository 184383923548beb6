"""The real log, computed a second time: its own reader, its own arithmetic, nothing of the project."""

import gzip
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

CUT = datetime(2012, 1, 1, tzinfo=UTC)
CAPS_MS = (900_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000)


Pair = tuple[str, str, datetime, datetime]


def pairs(path: Path) -> list[Pair]:
    """(case, activity, start, completion) of every W_ work item."""
    return [pair for pair, _ in worked(path)]


def worked(path: Path) -> list[tuple[Pair, str]]:
    """The same, each with who completed it (`org:resource`); empty where the log does not say."""
    found = []
    with gzip.open(path) as stream:
        for trace in ET.parse(stream).getroot():
            if not trace.tag.endswith("trace"):
                continue
            case = next(e.get("value", "") for e in trace if e.get("key") == "concept:name")
            open_items: dict[str, datetime] = {}
            for event in (e for e in trace if e.tag.endswith("event")):
                fields = {e.get("key"): e.get("value", "") for e in event}
                name = fields["concept:name"]
                if not name.startswith("W_"):
                    continue
                at = datetime.fromisoformat(fields["time:timestamp"]).astimezone(UTC)
                if fields["lifecycle:transition"] == "START":
                    open_items[name] = at
                elif fields["lifecycle:transition"] == "COMPLETE" and name in open_items:
                    found.append(((case, name, open_items.pop(name), at), fields.get("org:resource", "")))
    return found


def milliseconds(start: datetime, end: datetime) -> int:
    """Whole milliseconds between two moments of the log, which has no finer ones."""
    delta = end - start
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000


def totals(path: Path) -> dict[str, int]:
    """What the demo must show: items after the cut, net of the tasks without AI and of the 0.8 copy, capped tasks."""
    items = pairs(path)
    before: dict[str, list[int]] = {}
    for _, name, start, end in items:
        if end < CUT:
            before.setdefault(name, []).append(milliseconds(start, end))
    cap = {n: next(c for c in CAPS_MS if sum(d > c for d in ds) <= 0.02 * len(ds)) for n, ds in before.items()}
    mean = {n: _half_up(sum(min(d, cap[n]) for d in ds), len(ds)) for n, ds in before.items()}
    result = {"items": 0, "net_without_ai": 0, "net_copy": 0, "counted": 0, "capped": 0, "credit": 0}
    for _, name, start, end in items:
        if end < CUT:
            continue
        raw = milliseconds(start, end)
        counted = min(raw, cap[name])
        result["items"] += 1
        result["capped"] += raw > cap[name]
        result["counted"] += counted
        result["credit"] += mean[name]
        result["net_without_ai"] += mean[name] - counted
        result["net_copy"] += mean[name] - _half_up(counted * 80, 100)
    return result


def _half_up(total: int, count: int) -> int:
    return (2 * total + count) // (2 * count)
