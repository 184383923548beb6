"""Random logs with random retention, commits and loss: every offset is accounted for once, and the loss is told exactly."""

from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from services.domain.accounts import Gaps, Known, Log, Stored, Topic, incomplete
from services.domain.conservation import Verdict, reconcile

NAME = topics.tasks_topic("10000009")
PLACE = (1, NAME, 0)


def ranges_of(offsets: list[int]) -> tuple[tuple[int, int], ...]:
    """Of ascending offsets."""
    found: list[tuple[int, int]] = []
    for offset in offsets:
        if found and found[-1][1] == offset - 1:
            found[-1] = (found[-1][0], offset)
        else:
            found.append((offset, offset))
    return tuple(found)


def gaps_of(offsets: list[int]) -> Gaps:
    ranges = ranges_of(offsets)
    return Gaps(len(offsets), len(ranges), ranges)


@given(
    end=st.integers(0, 40),
    kept=st.sets(st.integers(0, 39)),
    beginning=st.integers(0, 40),
    committed=st.none() | st.integers(0, 40),
)
def test_every_offset_is_stored_missing_or_waiting(
    end: int, kept: set[int], beginning: int, committed: int | None
) -> None:
    there = sorted(offset for offset in kept if offset < end)
    beginning = min(beginning, end)
    committed = None if committed is None else min(committed, end)
    stored, gaps = {}, {}
    if there:
        stored = {PLACE: Stored(there[0], there[-1], len(there), 0, ids=len(there))}
        gaps = {place: gaps_of(sorted(set(range(there[-1])) - kept)) for place in incomplete(stored)}
    known = Known(frozenset(), {NAME: {1: frozenset({"id"})}}, stored, gaps)
    report = reconcile({NAME: Topic("id", frozenset({"delete"}), {0: Log(beginning, end, end, committed)})}, known)

    reached = max([beginning, committed or 0, *(offset + 1 for offset in there)])
    lost = sorted(set(range(reached)) - kept)
    (account,) = report.accounts
    assert (account.missing.offsets, account.waiting) == (len(lost), end - reached)
    assert {offset for first, last in account.missing.first for offset in range(first, last + 1)} == set(lost)
    assert end == len(there) + report.missing + report.waiting
    assert report.verdict == (Verdict.NOT_WHOLE if lost else Verdict.WAITING if reached < end else Verdict.WHOLE)
