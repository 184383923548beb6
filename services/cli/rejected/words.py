"""Rejections and reports, for programs and for people. Pure."""

import json
from typing import Any, Final

from contracts import topics
from contracts.codes import EXPLANATIONS, RejectionCode
from services.cli.rejected.redrive import Report
from services.cli.rejected.store import Group, Rejected
from services.domain.coordinate import Coordinate

_NAMED: Final = 10
_OUTCOMES: Final = (
    ("gone", "gone from the log by retention: have the source send them again"),
    ("frozen", "below a seal, frozen: have the source send them again"),
    ("another_log", "in an earlier incarnation of the topic, not in today's log: have the source send them again"),
)


def group_as_json(group: Group) -> dict[str, Any]:
    """A row of `list`."""
    return {
        "code": group.code,
        "path": group.path,
        "topic": group.topic,
        "records": group.records,
        "first": group.first.isoformat(),
        "last": group.last.isoformat(),
        "newest": str(group.newest),
    }


def group_in_words(group: Group) -> str:
    """A row of `list`: two lines, so that the coordinate can be copied whole."""
    first, last = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (group.first, group.last))
    return (
        f"{group.records:>9,}  {group.code} at {group.path or 'the record'}, {group.topic}\n"
        f"           {first} to {last} UTC, newest {group.newest}"
    )


def rejected_as_json(rejected: Rejected) -> dict[str, Any]:
    """What ClickHouse and the contract know of a rejected record."""
    explanation = EXPLANATIONS[RejectionCode(rejected.code)]
    return {
        "coordinate": str(rejected.coordinate),
        "broker_time": rejected.broker_time.isoformat(),
        "code": rejected.code,
        "meaning": explanation.meaning,
        "path": rejected.path,
        "remedy": explanation.remedy,
        "rules": rejected.rules,
    }


def in_lines(answer: dict[str, Any]) -> str:
    """The answer of `show`, a line a field."""
    words = {**answer, "path": answer["path"] or "the record", "dead_letter": json.dumps(answer["dead_letter"])}
    if answer["dead_letter"] is None:
        words["dead_letter"] = f"no longer in {topics.REJECTED}"
    return "\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in words.items())


def report_in_words(report: Report, selected: int, *, dry_run: bool) -> str:
    """What a redrive did, or would do."""
    if not selected:
        return "no rejected record matches"
    verb = "would be" if dry_run else "are"
    lines = [f"{selected:,} rejected records selected", f"{report.accepted:,} {verb} accepted"]
    for code, count in report.rejected.most_common():
        explanation = EXPLANATIONS[RejectionCode(code)]
        lines.append(f"{count:,} {verb} still rejected, {code}: {explanation.meaning}. {explanation.remedy}")
    for name, words in _OUTCOMES:
        places: list[Coordinate] = getattr(report, name)
        if places:
            named = ", ".join(map(str, places[:_NAMED])) + (", …" if len(places) > _NAMED else "")
            lines.append(f"{len(places):,} are {words}: {named}")
    return "\n".join(lines)
