"""Baselines to propose, and their way through the registry by two people."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from services.baselines.book import State
from services.baselines.proposals import Draft, Proposal
from services.baselines.registry import Registry
from services.baselines.workflow import Publication, state
from services.runtime.errors import Refused
from tests.unit.baselines.worlds import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, SECOND = "first", "second"


def content(series: str, **fields: Any) -> dict[str, Any]:
    """A national baseline of two years, of a task type that no other series has."""
    return {
        "baseline": series,
        "level": "nation",
        "task_type": "local:" + re.sub(r"[^a-z0-9]+", "-", series.lower()),
        "complexity": "any",
        "valid_from": "2026-01-01T00:00:00.000Z",
        "valid_to": "2028-01-01T00:00:00.000Z",
        "expires_at": "2028-01-01T00:00:00.000Z",
        "n": 100,
        "clusters": 50,
        "mean_ms": 1_000,
        "standard_error_ms": 10,
        "median_ms": 900,
        "p90_ms": 2_000,
        "cap_ms": None,
        "method": "history",
        "evidence": {
            "source": "history",
            "sha256": "0" * 64,
            "window_from": "2025-01-01T00:00:00.000Z",
            "window_to": "2025-12-31T00:00:00.000Z",
        },
        "proposed_by": FIRST,
        **fields,
    }


def approved(registry: Registry, *contents: dict[str, Any], takes_over: bool = False, now: datetime = NOW) -> list[str]:
    """The ids of proposals that a second person has approved; of what is published already there is none."""
    filed = registry.propose([Draft(one, takes_over) for one in contents], now)
    ids = [one.id for one in filed if isinstance(one, Proposal)]
    registry.approve(ids, SECOND, now)
    return ids


def publish(
    registry: Registry, *contents: dict[str, Any], takes_over: bool = False, now: datetime = NOW
) -> Publication:
    """Proposes, approves and publishes."""
    return registry.publish(approved(registry, *contents, takes_over=takes_over, now=now), now)


def proposed(registry: Registry, draft: Draft) -> Proposal:
    (found,) = registry.propose([draft], NOW)
    assert isinstance(found, Proposal)
    return found


def refused(store: MemoryStore, what: Any, match: str) -> Refused:
    """The error, after which nothing is different."""
    before = (store.payloads(), dict(store.filed), dict(store.given))
    with pytest.raises(Refused, match=match) as caught:
        what()
    assert (store.payloads(), store.filed, store.given, store.open_claims()) == (*before, {})
    assert caught.value.remedy
    return caught.value


def states(registry: Registry, now: datetime = NOW) -> dict[str, State]:
    """By what each proposal would become or became."""
    book = registry.book()
    return {f"{one.proposal.subject} {one.proposal.id}": state(book, one, now) for one in book.filed.values()}
