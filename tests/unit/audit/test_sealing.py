"""What a sealer does, in which order, and what it makes of rows."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from services.audit.seals.rows import Row, contents, leaves, registry_leaves, winner
from services.audit.seals.sealing import Sealer, two_chains
from services.domain.accounts import Place
from services.domain.chain import AGE_MS, HOUR_MS, REGISTRY, Checkpoint, Leaf, Why, registry_leaf
from services.runtime.errors import Retry
from tests.fakes.seals import MemoryCopies, MemorySeals

PLACE: Place = (1, topics.tasks_topic("10000009"), 0)
OTHER: Place = (2, topics.tasks_topic("10000009"), 1)
START_MS = 1_775_001_600_000
assert START_MS % HOUR_MS == 0


def leaf(offset: int, broker_ms: int) -> Leaf:
    return Leaf(offset, broker_ms, sha256(b"%d" % offset).digest())


def at(now_ms: int) -> Callable[[], int]:
    return lambda: now_ms


def an_hour_each(count: int) -> list[Leaf]:
    return [leaf(offset, START_MS + offset * HOUR_MS) for offset in range(count)]


def test_each_copy_is_kept_before_the_row_and_made_again_where_it_was_not() -> None:
    store = MemorySeals({PLACE: an_hour_each(4)})
    now_ms = START_MS + 3 * HOUR_MS + AGE_MS
    first, second = MemoryCopies(store.effects), MemoryCopies(store.effects, away=1)
    sealer = Sealer(store, [first, second], lambda: now_ms)
    with pytest.raises(Retry):
        sealer.run()
    assert store.effects == [("kept", 0), ("kept", 1), ("kept", 2)]
    (standing,) = sealer.run()
    thrice = [(what, offset) for what in ("kept", "kept", "stored") for offset in range(3)]
    assert store.effects[3:] == thrice
    assert second.kept == first.kept[3:] == sorted(store.seals, key=lambda seal: seal.last_offset)
    assert (standing.made, standing.sealed) == (3, first.kept[-1])
    assert standing.unsealed is not None
    assert (standing.unsealed.offset, standing.unsealed.why) == (3, Why.YOUNG)
    assert standing.age_seconds(now_ms) == (now_ms - (START_MS + 3 * HOUR_MS)) / 1000
    assert sealer.run()[0].made == 0


def test_where_two_chains_stand_at_one_offset_nothing_is_sealed_any_more() -> None:
    store = MemorySeals({PLACE: an_hour_each(9), OTHER: an_hour_each(2)})
    Sealer(store, [], lambda: START_MS + 3 * HOUR_MS + AGE_MS).run()
    (last,) = store.newest()[PLACE]
    store.seals.add(replace(last, chain=bytes(32)))
    found = {standing.place: standing for standing in Sealer(store, [], lambda: START_MS + 20 * HOUR_MS).run()}
    assert two_chains(found.values()) == [PLACE]
    assert (found[PLACE].sealed, found[PLACE].made) == (None, 0)
    assert found[OTHER].unsealed is not None


@given(
    st.lists(
        st.tuples(st.integers(0, HOUR_MS), st.integers(0, 3), st.sampled_from(["first", "second", "nobody"])),
        max_size=60,
    )
)
def test_two_sealers_that_take_turns_make_the_checkpoints_of_one(history: list[tuple[int, int, str]]) -> None:
    """Time goes on, records are stored, one of them comes by."""
    store, now_ms = MemorySeals({PLACE: []}), START_MS
    log = store.logs[PLACE]
    kept: list[tuple[str, int]] = []
    copies = {name: MemoryCopies(kept) for name in ("first", "second")}
    for step, arrived, who in history:
        now_ms += step
        log += [leaf(len(log) + number, now_ms) for number in range(arrived)]
        if who != "nobody":
            Sealer(store, [copies[who]], at(now_ms)).run()
    both = store.seals | set(copies["first"].kept) | set(copies["second"].kept)
    Sealer(store, [], at(now_ms + 2 * HOUR_MS)).run()
    alone = MemorySeals({PLACE: log})
    Sealer(alone, [], at(now_ms + 2 * HOUR_MS)).run()
    assert both <= store.seals == alone.seals


ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from([b"a", b"b", b"c"]),
        st.integers(0, 1),
        st.integers(1, 3),
        st.integers(0, 9),
        st.binary(min_size=1, max_size=2),
    ),
    min_size=1,
    max_size=20,
)


@given(ROWS)
def test_one_leaf_a_coordinate_of_the_row_that_counts(values: list[tuple[int, bytes, int, int, int, bytes]]) -> None:
    rows = sorted(Row(*value) for value in values)
    found = list(leaves(rows))
    assert [each.offset for each in found] == sorted({row.offset for row in rows})
    for each in found:
        same = [row for row in rows if row.offset == each.offset]
        counts = winner(same)
        assert (each.broker_ms, each.leaf) == (counts.broker_ms, counts.leaf)
        assert counts.accepted == max(row.accepted for row in same)
        among = [row for row in same if row.accepted == counts.accepted]
        assert counts.rules == max(row.rules for row in among)
        assert counts.digest == min(row.digest for row in among if row.rules == counts.rules)
        digests = {row.digest for row in same if row.accepted}
        assert each.contents == contents(same) == (len(digests) or 1)


def test_a_generation_with_two_contents_is_seen() -> None:
    one, other, third = b"1" * 32, b"2" * 32, b"3" * 32
    found = list(registry_leaves([(1, 5, one), (2, 6, other), (2, 6, third), (2, 6, other)]))
    expected = Leaf(1, 5, registry_leaf(1, 5, one), 1), Leaf(2, 6, registry_leaf(2, 6, other), 2)
    assert tuple(found) == expected
    store = MemorySeals({REGISTRY: found})
    Sealer(store, [], lambda: 10 * HOUR_MS).run()
    assert not store.seals  # the second generation begins in the same hour, and nobody knows which it is
    store.logs[REGISTRY] = [found[0]]
    (standing,) = Sealer(store, [], lambda: 10 * HOUR_MS).run()
    assert isinstance(standing.sealed, Checkpoint)
    assert (standing.sealed.last_offset, standing.sealed.records) == (1, 1)
