"""Publishing figures: what differs is stored, what is gone is said, nothing is read twice for nothing."""

from datetime import UTC, datetime

import pytest

from contracts.events import epoch_ms
from services.domain.figures.shapes import TOTAL, Period, Scope
from services.domain.forecast.months import month_of
from services.progress.figures.publishing import Figures
from services.runtime.errors import Retry
from tests.fakes.figures import MemoryFigures, cluster, tally

NOW = datetime(2026, 8, 15, tzinfo=UTC)
MARCH, APRIL = (month_of(datetime(2026, number, 1, tzinfo=UTC)) for number in (3, 4))
NATION = Scope("nation")


def store() -> MemoryFigures:
    return MemoryFigures(
        [cluster("A", MARCH, 1, 5), cluster("B", APRIL, 2, 7)],
        [tally("A", MARCH, 1), tally("B", APRIL, 1)],
        at_ms=epoch_ms(NOW),
    )


def test_every_scope_and_period_once_and_nothing_again() -> None:
    memory = store()
    work = Figures(memory)
    assert work.look() == len(memory.written) == len(work.shown) > 0
    keys = {(figure.scope, figure.period) for figure in memory.written}
    assert len(keys) == len(memory.written)
    assert {scope for scope, _ in keys} == {
        NATION, Scope("sector", "municipality"), Scope("authority", "A"), Scope("authority", "B"), Scope("task_type", "kle:1"),
    }  # fmt: skip
    until = Period("until", 0, APRIL + 1)
    assert {(NATION, TOTAL), (NATION, until), (NATION, Period("rate", MARCH, APRIL + 1))} <= keys
    assert {scope for scope, period in keys if period.kind == "until"} == {NATION}
    assert work.look() == 0
    assert memory.reads == 1
    assert Figures(memory).look() == 0, "another writer finds it done"


def test_what_changed_is_stored_and_the_rest_is_not() -> None:
    memory = store()
    work = Figures(memory)
    work.look()
    before = len(memory.written)
    memory.rows[1] = cluster("B", APRIL, 2, 9)
    memory.state = (1, 2, 7, 3, 6)
    assert work.look() == len(memory.written) - before
    changed = {(figure.scope.name, figure.period.kind) for figure in memory.written[before:]}
    assert ("B", "total") in changed
    assert not {scope for scope, _ in changed} & {"A", "municipality"}
    assert (NATION, Period("month", MARCH, MARCH + 1)) not in {
        (one.scope, one.period) for one in memory.written[before:]
    }


def test_a_grade_that_is_set_anew_changes_what_is_shown() -> None:
    memory = store()
    work = Figures(memory)
    work.look()
    memory.minimum, memory.state = "A", (1, 1, 7, 3, 7)
    assert work.look() == len(work.shown)
    assert next(one for one in work.shown if (one.scope, one.period) == (NATION, TOTAL)).counts.excluded == 2


def test_the_next_rate_takes_the_place_of_the_one_before_and_what_is_gone_is_said() -> None:
    memory = store()
    work = Figures(memory)
    work.look()
    memory.at_ms = epoch_ms(datetime(2027, 5, 15, tzinfo=UTC))  # the window is May 2026 to January 2027 and before
    work.look()
    rates = [figure for figure in memory.current() if figure[1].kind == "rate"]
    assert {period.end for _, period in rates} == {month_of(datetime(2027, 2, 1, tzinfo=UTC))}
    before = len(memory.written)
    memory.rows, memory.tallied = memory.rows[1:], memory.tallied[1:]
    memory.state = (1, 3, 7, 3, 6)
    work.look()
    gone = {(figure.scope, figure.period) for figure in memory.written[before:] if figure.counts.tasks == 0}
    assert (Scope("authority", "A"), TOTAL) in gone
    assert (Scope("authority", "A"), Period("month", MARCH, MARCH + 1)) in gone
    assert (NATION, TOTAL) not in gone
    again = len(memory.written)
    memory.state = (1, 4, 7, 3, 6)
    assert Figures(memory).look() == 0
    assert len(memory.written) == again


def test_sums_and_tallies_of_different_tasks_are_read_again() -> None:
    memory = store()
    tallied, memory.tallied = memory.tallied, memory.tallied[1:]
    work = Figures(memory)
    with pytest.raises(Retry, match="contradict each other"):
        work.look()
    assert memory.written == []
    memory.tallied = tallied
    assert work.look() > 0
