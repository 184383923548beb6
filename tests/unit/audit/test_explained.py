"""Which event is in force and why, and the arithmetic, in words and numbers."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.audit.explain.arithmetic import Figures, steps
from services.audit.explain.task import Share, Stored, TaskEvent, TaskExplained, why_in_force
from services.audit.explain.total import Line, Sums, TotalExplained

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRST = TaskEvent(
    "1/t/0/7", NOW, "completed", "/a", "e1", "urn:x", "00", "11", 1, 1, retraction=False, rank=17, readable=True
)
SECOND = replace(FIRST, coordinate="1/t/0/9", revision=2, rank=29)
FIGURES = Figures(
    since=3, until=9, time_basis="elapsed", assistance="draft", origin="pre_existing", outcome="completed",
    active_ms=2_700_000, review_ms=120_000, rework_ms=0, baseline="nation/x", baseline_version=2, baseline_level="nation",
    cap_ms=1_800_000, status="measured", counted_active_ms=1_800_000, effort_ms=1_920_000, credit_ms=2_000_000, saved_ms=80_000,
)  # fmt: skip
STORED = Stored(
    retracted=False, revision=2, coordinate="1/t/0/9", rules=1, generation=4, status="measured", effort_ms=1_920_000,
    credit_ms=2_000_000, saved_ms=80_000, stale=False, treated=True,
)  # fmt: skip
TASK = TaskExplained(
    "10000009",
    "t",
    (FIRST, SECOND),
    (replace(FIGURES, since=0, until=3, status="unmeasured"), FIGURES),
    STORED,
    None,
    (),
    None,
    Share(1, 2),
)


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([FIRST], "only event"),
        ([FIRST, SECOND], "revision 2 is the highest of 2 events"),
        ([FIRST, replace(FIRST, retraction=True, rank=18)], "retraction takes precedence"),
        ([FIRST, replace(FIRST, coordinate="1/t/0/8", rank=16)], "lowest coordinate"),
        ([replace(FIRST, retraction=True, rank=18), replace(FIRST, retraction=True, rank=17)], "lowest coordinate"),
    ],
)
def test_why_an_event_is_in_force(events: list[TaskEvent], why: str) -> None:
    assert why in why_in_force(events)


def test_the_arithmetic_is_written_out() -> None:
    assert [(step.name, step.how, step.ms) for step in steps(FIGURES)] == [
        ("counted active", "min(active 2,700,000, idle cap 1,800,000)", 1_800_000),
        ("effort", "counted active 1,800,000 + review 120,000 + rework 0", 1_920_000),
        ("credit", "mean of nation/x version 2 (nation)", 2_000_000),
        ("saved", "credit 2,000,000 − effort 1,920,000", 80_000),
    ]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"time_basis": "self_reported"}, "no idle cap, since its time is self reported"),
        ({"cap_ms": None}, "carries no idle cap"),
        ({"baseline": "", "cap_ms": None}, "no idle cap without a baseline"),
        ({"review_ms": None}, "review unknown"),
        ({"outcome": "abandoned", "credit_ms": None}, "none: the task was abandoned"),
        ({"origin": "induced", "credit_ms": None}, "induced"),
        ({"baseline": "", "credit_ms": None}, "no baseline was in force"),
        ({"status": "unmeasured", "saved_ms": None}, "until a baseline comes"),
        ({"status": "incomplete", "saved_ms": None}, "review or rework is unknown"),
        ({"credit_ms": None, "saved_ms": -1_920_000}, "no credit − effort 1,920,000"),
    ],
)
def test_what_is_not_so_is_said(changed: dict[str, object], says: str) -> None:
    assert any(says in step.how for step in steps(replace(FIGURES, **changed)))  # type: ignore[arg-type]


def test_what_comes_out_is_compared_with_what_is_stored() -> None:
    assert TASK.winner == SECOND
    assert TASK.in_force == FIGURES
    assert TASK.as_stored
    for wrong in (
        {"coordinate": "1/t/0/7"},
        {"retracted": True},
        {"saved_ms": 80_001},
        {"credit_ms": None},
        {"status": "incomplete"},
        {"effort_ms": 0},
        {"generation": 2},
        {"generation": 9},
    ):
        assert not replace(TASK, stored=replace(STORED, **wrong)).as_stored, wrong
    assert not replace(TASK, stored=None).as_stored
    retraction = replace(SECOND, retraction=True)
    assert replace(TASK, events=(retraction,), figures=(), stored=replace(STORED, retracted=True)).as_stored


def test_an_erased_event_is_not_in_force_and_what_is_stored_of_it_is_unreadable() -> None:
    erased = replace(TASK, events=(FIRST, replace(SECOND, readable=False, revision=0)))
    assert (erased.winner, erased.unreadable, erased.as_stored) == (FIRST, True, False)
    assert not TASK.unreadable


CREDITED = Line("measured", "credited", "x", 1, "C", 100, Sums(3, 40, 5, 5, 50, 300, 250), (("10000009", "t"),))
ABANDONED = Line("measured", "abandoned", "", 0, "", None, Sums(1, 7, 0, 0, 7, 0, -7), ())
UNMEASURED = Line("unmeasured", "no baseline", "", 0, "", None, Sums(2, 9, 1, 0, 10, 0, 0), ())
LINES = (CREDITED, ABANDONED, UNMEASURED)


def test_a_total_adds_up_or_not() -> None:
    found = TotalExplained(LINES, 6, 243)
    assert found.adds_up
    assert found.total == Sums(4, 47, 5, 5, 57, 300, 243)
    assert not TotalExplained(LINES, 7, 243).adds_up
    assert not TotalExplained(LINES, 6, 242).adds_up
    for sums in (
        replace(CREDITED.sums, tasks=4),
        replace(CREDITED.sums, review_ms=6),
        replace(CREDITED.sums, saved_ms=249),
    ):
        assert not replace(CREDITED, sums=sums).adds_up
