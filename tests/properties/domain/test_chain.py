"""The chain stands for its records and nothing else, and any number of sealers make the same checkpoints."""

from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from services.domain.chain import (
    AGE_MS,
    HOUR_MS,
    REGISTRY,
    Chain,
    Checkpoint,
    Leaf,
    Unsealed,
    Why,
    first_offset,
    sealable,
)

PLACE = (1, topics.tasks_topic("10000009"), 0)
PLACES = st.sampled_from([PLACE, REGISTRY])
LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=30, unique=True)
START_MS = 1_775_000_000_000
STEPS = st.lists(st.integers(-HOUR_MS, 2 * HOUR_MS), min_size=1, max_size=30)
"""From one broker time to the next: clocks may go back."""


def chained(leaves: list[bytes]) -> bytes:
    chain = Chain.of(PLACE)
    for leaf in leaves:
        chain = chain.with_leaf(START_MS, leaf)
    return chain.head


def log_of(steps: list[int], place: tuple[int, str, int]) -> list[Leaf]:
    moment, found = START_MS, []
    for number, step in enumerate(steps, start=first_offset(place)):
        moment += step
        found.append(Leaf(number, moment, sha256(b"%d" % number).digest()))
    return found


def split(made: Iterator[Checkpoint | Unsealed]) -> tuple[list[Checkpoint], Unsealed]:
    *checkpoints, unsealed = made
    assert isinstance(unsealed, Unsealed)
    found = [checkpoint for checkpoint in checkpoints if isinstance(checkpoint, Checkpoint)]
    assert len(found) == len(checkpoints)
    return found, unsealed


def test_the_first_links_by_hand() -> None:
    one, two = b"1" * 32, b"2" * 32
    assert chained([one]) == sha256(bytes(32) + one).digest()
    assert chained([one, two]) == sha256(sha256(bytes(32) + one).digest() + two).digest()


@given(LEAVES, st.data())
def test_any_single_change_of_the_leaves_changes_the_chain(leaves: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.binary(min_size=32, max_size=32).filter(lambda leaf: leaf not in leaves))
    changes = {
        "change": [*leaves[:at], other, *leaves[at + 1 :]],
        "delete": [*leaves[:at], *leaves[at + 1 :]],
        "insert": [*leaves[:at], other, *leaves[at:]],
        "double": [*leaves[:at], leaves[at], *leaves[at:]],
    }
    to = data.draw(st.integers(0, len(leaves) - 1))
    if to != at:
        moved = [*leaves[:at], *leaves[at + 1 :]]
        changes["reorder"] = [*moved[:to], leaves[at], *moved[to:]]
    for name, changed in changes.items():
        assert chained(changed) != chained(leaves), name


@given(STEPS, PLACES, st.lists(st.integers(0, 40 * HOUR_MS), min_size=1, max_size=5))
def test_sealers_that_come_at_other_times_make_the_checkpoints_of_one(
    steps: list[int], place: tuple[int, str, int], visits: list[int]
) -> None:
    log = log_of(steps, place)
    last_ms = max(leaf.broker_ms for leaf in log) + HOUR_MS + AGE_MS
    whole, unsealed = split(sealable(Chain.of(place), log, last_ms))
    assert (unsealed.why, unsealed.offset, unsealed.since_ms) == (Why.END, log[-1].offset + 1, None)
    assert whole[-1].last_offset == log[-1].offset

    made: list[Checkpoint] = []
    for visit in sorted(visits):
        start = Chain.after(made[-1]) if made else Chain.of(place)
        rest = [leaf for leaf in log if leaf.offset > start.offset]
        found, _ = split(sealable(start, rest, START_MS + visit))
        made += found
    assert set(made) <= set(whole)
    start = Chain.after(made[-1]) if made else Chain.of(place)
    made += split(sealable(start, [leaf for leaf in log if leaf.offset > start.offset], last_ms))[0]
    assert made == whole


@given(STEPS, PLACES, st.integers(-HOUR_MS, 60 * HOUR_MS))
def test_what_is_sealed_is_old_enough_and_ends_its_hour(
    steps: list[int], place: tuple[int, str, int], after_ms: int
) -> None:
    log, now_ms = log_of(steps, place), START_MS + after_ms
    made, unsealed = split(sealable(Chain.of(place), log, now_ms))
    sealed = [leaf for leaf in log if made and leaf.offset <= made[-1].last_offset]
    assert all(leaf.broker_ms + AGE_MS <= now_ms for leaf in sealed)
    assert unsealed.since_ms == (log[len(sealed)].broker_ms if len(sealed) < len(log) else None)
    for checkpoint in made:
        before = [leaf for leaf in log if leaf.offset <= checkpoint.last_offset]
        assert checkpoint.records == len(before)
        newest = max(leaf.broker_ms for leaf in before)
        assert checkpoint.closed_ms == (newest // HOUR_MS + 1) * HOUR_MS
        assert checkpoint.chain == chained([leaf.leaf for leaf in before])
        following = log[len(before)] if len(before) < len(log) else None
        assert following is None or following.broker_ms >= checkpoint.closed_ms
    assert all(one.closed_ms < other.closed_ms for one, other in pairwise(made))


@given(STEPS, st.data(), st.booleans())
def test_nothing_is_sealed_beyond_a_gap_or_two_contents(steps: list[int], data: st.DataObject, gap: bool) -> None:
    log = log_of(steps, PLACE)
    at = data.draw(st.integers(0, len(log) - 1))
    broken = [*log[:at], *log[at + 1 :]] if gap else [*log[:at], replace(log[at], contents=2), *log[at + 1 :]]
    late = max(leaf.broker_ms for leaf in log) + HOUR_MS + AGE_MS
    made, unsealed = split(sealable(Chain.of(PLACE), broken, late))
    assert all(checkpoint.last_offset < at for checkpoint in made)
    whole, _ = split(sealable(Chain.of(PLACE), log, late))
    if gap and at == len(log) - 1:
        assert (unsealed.why, unsealed.offset) == (Why.END, at)  # nobody can see that there was one more
    else:
        assert (unsealed.why, unsealed.offset) == (Why.GAP if gap else Why.TWO_CONTENTS, at)
        assert unsealed.since_ms is not None
        assert set(made) <= set(whole)
