"""Whatever is proposed, approved, published and withdrawn: of one scope at most one version is in force, and what takes the
place of others does so in its interval alone."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.registry import Baseline
from services.baselines.messages import registry_of
from services.baselines.proposals import Draft, Proposal
from services.baselines.registry import Registry
from services.baselines.workflow import state
from services.domain.match import Registry as Known
from services.domain.match import scope_of
from services.runtime.errors import Refused
from tests.properties.domain.strategies import DAYS, START, TASK_TYPES, day
from tests.unit.baselines.drafts import SECOND, content
from tests.unit.baselines.worlds import MemoryLog, MemoryStore

NOW = START
MOMENTS = [day(number) for number in range(-1, DAYS + 1)]
_VALIDITY = {"version", "generation", "valid_from", "valid_to", "expires_at", "proposed_by", "approved_by"}


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """One of two series for one of two scopes: they meet, overlap and take over from each other."""
    begin, length, kept = draw(st.integers(0, DAYS - 2)), draw(st.integers(1, DAYS)), draw(st.integers(1, DAYS))
    fields = {
        "task_type": draw(st.sampled_from(TASK_TYPES)),
        "valid_from": day(begin),
        "valid_to": day(begin + length),
        "expires_at": day(begin + kept),
        "mean_ms": draw(st.integers(1, 9)) * 100,
    }
    return Draft(
        content(draw(st.sampled_from("ab")), **fields), draw(st.sampled_from([True, True, False])), retrospective=True
    )


ACTIONS = st.one_of(
    st.tuples(st.sampled_from(["propose", "propose and publish", "propose and publish"]), drafts()),
    st.tuples(st.just("publish"), st.integers(0, 5)),
    st.tuples(st.just("withdraw"), st.integers(0, 5)),
)


def counted(known: Known, moment: datetime) -> dict[str, Any]:
    """What counts at a moment for a task of each type, whatever version it is and whoever approved it."""
    found = {task_type: known.match("10000009", task_type, "low", moment) for task_type in TASK_TYPES}
    return {name: one and one.model_dump(exclude=_VALIDITY) for name, one in found.items()}


def in_force(baseline: Baseline, moment: datetime) -> bool:
    return baseline.valid_from <= moment < min(baseline.valid_to, baseline.expires_at)


def assert_none_overlap(payloads: list[bytes]) -> None:
    """At every number, since a collector may stand at any."""
    for number in range(1, len(payloads) + 1):
        baselines = registry_of(payloads[:number]).baselines()
        for moment in MOMENTS:
            scopes = [scope_of(one) for one in baselines if in_force(one, moment)]
            assert len(scopes) == len(set(scopes))


def assert_takes_its_place_alone(before: list[bytes], after: list[bytes], proposal: Proposal) -> None:
    old, new = registry_of(before), registry_of(after)
    wanted = proposal.baseline.model_dump(exclude=_VALIDITY)
    for moment in MOMENTS:
        inside = proposal.begin <= moment < proposal.end
        expected = counted(old, moment) | ({proposal.baseline.task_type: wanted} if inside else {})
        assert counted(new, moment) == expected


@given(st.lists(ACTIONS, min_size=8, max_size=20))
@settings(max_examples=200)
def test_one_scope_has_one_version_in_force_at_a_time(actions: list[tuple[str, Any]]) -> None:
    store = MemoryStore()
    registry = Registry(store, MemoryLog())
    proposals: list[Proposal] = []
    for kind, what in actions:
        before = store.payloads()
        with suppress(Refused):
            if kind.startswith("propose"):
                (found,) = registry.propose([what], NOW)
                if isinstance(found, Proposal):
                    registry.approve([found.id], SECOND, NOW)
                    proposals.append(found)
            if kind.endswith("publish") and proposals:
                proposal = proposals[what % len(proposals) if kind == "publish" else -1]
                if registry.publish([proposal.id], NOW).new:
                    note(f"replaces {len(proposal.replaces)}, {len(store.payloads()) - len(before)} events")
                    assert_takes_its_place_alone(before, store.payloads(), proposal)
                    continue
            if kind == "withdraw" and (versions := list(registry.book().versions.values())):
                one = versions[what % len(versions)].baseline
                registry.withdraw(one.baseline, one.version, "wrong", SECOND, NOW)
                continue
        assert store.payloads() == before  # refused, filed or published before: nothing is said
    assert_none_overlap(store.payloads())
    book = registry.book()
    subjects = [one.subject for one in book.versions.values()]
    assert len(set(subjects)) == len(subjects)
    for filed in book.filed.values():
        assert (state(book, filed, NOW) in {"published", "withdrawn", "expired"}) == (
            book.published_as(filed.proposal) is not None
        )
