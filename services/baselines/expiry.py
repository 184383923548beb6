"""Which scopes have no baseline in force any more, or soon will not. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.baselines.book import Book, Version
from services.domain.match import Scope, scope_of


@dataclass(frozen=True, slots=True)
class Ending:
    """The version with which a scope's cover ends, and whether it has ended."""

    version: Version
    ended: bool


def endings(book: Book, now: datetime, until: datetime) -> list[Ending]:
    """The scopes that are without a baseline now, or will be at `until`, by the version that was or is the last; the earliest
    end first. What follows without a gap carries on. What was over when it was published was meant for the past: no ending.
    """
    scopes: dict[Scope, list[Version]] = {}
    for version in book.versions.values():
        if version.withdrawn is None and version.published.time < version.end:
            scopes.setdefault(scope_of(version.baseline), []).append(version)
    found = [ending for versions in scopes.values() if (ending := _ending(versions, now, until)) is not None]
    return sorted(found, key=lambda ending: (ending.version.end, ending.version.subject))


def _ending(versions: list[Version], now: datetime, until: datetime) -> Ending | None:
    last = max((version for version in versions if version.begin <= now), key=lambda version: version.end, default=None)
    if last is None:
        return None
    for later in sorted(versions, key=lambda version: version.begin):
        if now < last.end < later.end and later.begin <= last.end:
            last = later
    return Ending(last, last.end <= now) if last.end <= until else None
