"""Where to begin a partition: every row of the decision, and that nothing is ever skipped."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collector.assignment import Begin, Binding, Facts, Sight, Stored, decide, may_go_on
from services.runtime.errors import Halt

FACTS = Facts(
    "topic/0", Binding(3, ("id-1",)), "id-1", frozenset({"delete"}), committed=None, beginning=0, end=100, stored=None
)


@pytest.mark.parametrize(
    ("facts", "offset"),
    [
        (FACTS, 0),
        (replace(FACTS, committed=40, stored=Stored(39, same_as_log=True)), 40),
        (replace(FACTS, committed=40, stored=Stored(59, same_as_log=True)), 40),  # stored, not committed: again
        (replace(FACTS, stored=Stored(59, same_as_log=True)), 0),  # nothing committed: replay
        (replace(FACTS, committed=40, stored=Stored(19, same_as_log=True)), 0),  # ClickHouse is older than Kafka
        (replace(FACTS, committed=40, stored=Stored(39, same_as_log=None), beginning=40), 40),
        (replace(FACTS, committed=100, stored=Stored(99, same_as_log=True)), 100),
    ],
)
def test_begins(facts: Facts, offset: int) -> None:
    assert decide(facts) == Begin(3, "id-1", offset)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(FACTS, binding=None), "no log number"),
        (replace(FACTS, binding=Binding(3, ("id-1", "id-2"))), "bound to 2 topic ids"),
        (replace(FACTS, topic_id="id-2"), "re-created"),
        (replace(FACTS, topic_id=""), "gone from Kafka"),
        (replace(FACTS, cleanup_policy=frozenset({"compact"})), "compacted"),
        (replace(FACTS, cleanup_policy=frozenset({"compact", "delete"})), "compacted"),
        (
            replace(FACTS, committed=40, stored=Stored(39, same_as_log=False, compared=38)),
            "offset 38 in the log is not the record that was stored",
        ),
        (replace(FACTS, committed=120, stored=Stored(119, same_as_log=None)), "ends at 100"),
        (replace(FACTS, stored=Stored(119, same_as_log=None)), "ends at 100"),
        (replace(FACTS, beginning=1), "0 to 0 are gone"),
        (replace(FACTS, committed=40, stored=Stored(39, same_as_log=None), beginning=41), "40 to 40 are gone"),
        (replace(FACTS, committed=40, stored=Stored(19, same_as_log=None), beginning=21), "20 to 20 are gone"),
    ],
)
def test_halts_with_a_reason_and_a_remedy(facts: Facts, reason: str) -> None:
    halt = decide(facts)
    assert isinstance(halt, Halt)
    assert reason in halt.reason
    assert halt.remedy


@given(
    committed=st.none() | st.integers(0, 30),
    stored=st.none() | st.integers(0, 30),
    beginning=st.integers(0, 30),
    length=st.integers(0, 30),
)
def test_no_offset_is_ever_skipped(committed: int | None, stored: int | None, beginning: int, length: int) -> None:
    """After `Begin`, what is before it is stored, and what is not stored is still in the log."""
    facts = replace(
        FACTS,
        committed=committed,
        stored=None if stored is None else Stored(stored, same_as_log=None),
        beginning=beginning,
        end=beginning + length,
    )
    match decide(facts):
        case Begin(_, _, offset):
            assert beginning <= offset <= facts.end
            assert offset <= (0 if stored is None else stored + 1)
        case Halt() as halt:
            assert halt.reason


SIGHT = Sight("topic/0", Begin(3, "id-1", 10), read_before=40, read_after=50, topic_id="id-1", beginning=0, end=60)


@pytest.mark.parametrize(
    "sight",
    [
        SIGHT,
        replace(SIGHT, end=40),  # read to the end, and more came while Kafka was asked
        replace(SIGHT, beginning=50, end=60),  # retention at the reader's heels took only what was read
    ],
)
def test_goes_on(sight: Sight) -> None:
    assert may_go_on(sight) is None


@pytest.mark.parametrize(
    ("sight", "reason"),
    [
        (replace(SIGHT, topic_id="id-2"), "re-created"),
        (replace(SIGHT, topic_id=""), "gone from Kafka"),
        (replace(SIGHT, beginning=51), "offsets 50 to 50 were deleted"),
        (replace(SIGHT, end=39), "ends at 39, before offset 40"),
    ],
)
def test_stops_reading_with_a_reason_and_a_remedy(sight: Sight, reason: str) -> None:
    halt = may_go_on(sight)
    assert halt is not None
    assert reason in halt.reason
    assert halt.remedy
