"""Proposals and versions as JSON and as lines."""

from datetime import datetime
from typing import Any, Final

from contracts.registry import ProposedBaseline
from services.baselines.book import Book, Filed, Version
from services.baselines.workflow import outdated, state

MS_PER_MINUTE: Final = 60_000
SHOWN_OF_AN_ID: Final = 12


def entry_as_json(book: Book, entry: Version | Filed, now: datetime) -> dict[str, Any]:
    """All that is known of a proposal or a version, its state first."""
    if isinstance(entry, Version):
        filed = _filed(book.proposal_of(entry))
        return {"state": entry.state(now), **_published(entry), **filed, **_content(entry.baseline)}
    version = book.published_as(entry.proposal)
    return {
        "state": state(book, entry, now),
        "why": outdated(book, entry.proposal) if version is None else "",
        **(_published(version) if version else {}),
        **_filed(entry),
        **_content(entry.proposal.baseline),
    }


def pending(book: Book) -> list[Filed]:
    """The proposals that have not become a version."""
    return [filed for filed in book.filed.values() if book.published_as(filed.proposal) is None]


def scope_in_words(baseline: ProposedBaseline) -> str:
    """Whom it is for."""
    return f"{baseline.level} {baseline.authority or baseline.sector or ''}".strip()


def minutes(ms: int) -> str:
    """Milliseconds as minutes."""
    return f"{ms / MS_PER_MINUTE:.2f}"


def in_lines(answer: dict[str, Any], prefix: str = "") -> list[str]:
    """One line a value; those of a part stand under its name."""
    lines: list[str] = []
    for name, value in answer.items():
        if isinstance(value, dict):
            lines += in_lines(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, part in enumerate(value, start=1):
                lines += in_lines(part, f"{prefix}{name}.{number}.")
        elif value not in (None, "", []):
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            lines.append(f"{prefix}{name}: {text}")
    return lines


def flat(answer: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The same with the parts' names before their values' names."""
    values: dict[str, Any] = {}
    for name, value in answer.items():
        values |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return values


def _content(baseline: ProposedBaseline) -> dict[str, Any]:
    content = baseline.model_dump(mode="json")
    return {"baseline": content.pop("baseline"), "version": content.pop("version"), **content, "grade": baseline.grade}


def _published(version: Version) -> dict[str, Any]:
    withdrawn = version.withdrawn
    return {
        "published_at": version.published.time.isoformat(),
        "withdrawn": None
        if withdrawn is None
        else {
            "at": withdrawn.time.isoformat(),
            "by": withdrawn.data.withdrawn_by,
            "reason": withdrawn.data.reason,
            "generation": withdrawn.data.generation,
        },
    }


def _filed(filed: Filed | None) -> dict[str, Any]:
    if filed is None:
        return {"proposal": None}
    return {
        "proposal": filed.proposal.id,
        "proposed_at": filed.proposed_at.isoformat(),
        "replaces": list(filed.proposal.replaces),
        "retrospective": filed.proposal.retrospective,
        "approvals": [
            {"by": approval.approved_by, "at": approval.approved_at.isoformat()} for approval in filed.approvals
        ],
    }
