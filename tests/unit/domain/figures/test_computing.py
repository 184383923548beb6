"""Figures of a small book whose every number can be seen."""

from dataclasses import replace

import pyarrow as pa

from contracts.registry import Grade
from services.domain.effect.baseline_errors import BaselineError
from services.domain.estimates import Estimate
from services.domain.figures.computing import Book, Known, Marked
from services.domain.figures.content import COLUMNS, content_of, figure_of, key_of
from services.domain.figures.shapes import TOTAL, Counts, Figure, Period, Scope
from tests.fakes.figures import MINUTE, cluster, tally

NATION = Scope("nation")


CLUSTERS = [cluster("A", 670, 1, 5), cluster("A", 671, 2, 7), cluster("B", 671, 3, -2)]
TALLIES = [
    *(tally("A", 670, 1), tally("A", 671, 1, young=1), tally("B", 671, 1)),
    tally("A", 671, 4, status="unmeasured", n_credit=0, young=4, time_basis="self_reported"),
    tally("B", 671, 2, status="incomplete", n_credit=0),
    tally("B", 672, 3, role="comparison", young=3),
]


def book(minimum: Grade = "C", *, dictionary: bool = False) -> Book:
    clusters, tallies = pa.Table.from_pylist(CLUSTERS), pa.Table.from_pylist(TALLIES)
    if dictionary:  # as the database sends them: the empty name is in every dictionary
        clusters, tallies = _with_dictionaries(clusters), _with_dictionaries(tallies)
    known = Known({"A": "municipality"}, [BaselineError("b/1", "s", MINUTE)], {"b/1": "history"}, minimum)
    return Book(clusters, tallies, known)


def _with_dictionaries(table: pa.Table) -> pa.Table:
    columns = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_string(column.type):
            encoded = pa.concat_arrays([pa.array([""]), column]).dictionary_encode()
            column = encoded.slice(1)
        columns[name] = column
    return pa.table(columns)


def figure(scope: Scope, period: Period = TOTAL, of: Book | None = None) -> Figure:
    (found,) = (of or book()).figures(scope, [period])
    return found.figure


def net(found: Figure) -> int:
    return next(step.ms for step in found.steps if step.name == "net") // MINUTE


def test_scopes_and_months_are_those_with_tasks() -> None:
    for each in (book(), book(dictionary=True)):
        assert (each.authorities, each.sectors, each.task_types) == (["A", "B"], ["municipality"], ["kle:1"])
        assert each.months(NATION) == [670, 671, 672]
        assert each.months(Scope("authority", "A")) == [670, 671]
        assert each.first_with_ai == 670


def test_a_figure_is_of_its_scope_and_period() -> None:
    for each in (book(), book(dictionary=True)):
        assert net(figure(NATION, of=each)) == 10
        assert net(figure(Scope("authority", "B"), of=each)) == -2
        assert net(figure(Scope("sector", "municipality"), of=each)) == 12
        assert net(figure(Scope("task_type", "kle:1"), of=each)) == 10
        assert net(figure(NATION, Period("month", 671, 672), each)) == 5
        assert net(figure(Scope("authority", "A"), Period("until", 0, 671), each)) == 5


def test_counts_are_of_all_tasks_and_young_ones_are_treated() -> None:
    found = figure(NATION).counts
    assert found == Counts(12, 6, 4, 2, treated=3, control=0, compared=3, controlled=0, provisional=1, excluded=0)


def test_without_tasks_of_the_two_arms_there_are_counts_alone() -> None:
    found = figure(Scope("authority", "B"), Period("month", 672, 673))
    assert (found.counts.tasks, found.steps, found.net_grade, found.drift) == (3, (), None, None)


def test_what_is_graded_too_low_stands_beside() -> None:
    found = figure(NATION, of=book("B"))
    assert (found.counts.excluded, found.excluded_net_ms // MINUTE, found.steps) == (3, 10, ())
    assert figure(NATION).net_grade == "C"


def test_a_content_says_whose_it_is() -> None:
    for period in (TOTAL, Period("month", 671, 672), Period("until", 0, 671), Period("rate", 660, 672)):
        found = figure(NATION, period)
        content = content_of(found, "C")
        assert len(content) == len(COLUMNS)
        assert key_of(content) == (NATION, period)
        assert figure_of(content) == found


def test_what_has_no_control_is_taken_off_in_the_waterfall_and_is_an_amount_of_its_own() -> None:
    found = figure(NATION)
    apart = found.step("without_control")
    assert apart is not None
    assert apart.ms == -10 * MINUTE
    assert apart.low_ms is not None
    assert apart.high_ms is not None
    assert found.amount("without_control") == Estimate(10 * MINUTE, -apart.high_ms, -apart.low_ms)
    assert found.freed == found.amount("without_control"), "nothing is adjusted"


def test_what_has_the_same_rows_is_not_computed_again() -> None:
    other = replace(figure(NATION), excluded_net_ms=7)  # to be told from what would be computed
    months = [Period("month", 670, 671), Period("month", 671, 672)]
    first, second = book().figures(NATION, months)
    assert first.mark != second.mark
    before = {(NATION, months[0]): replace(first, figure=other), (NATION, months[1]): Marked((0, 0), other)}
    assert [one.figure for one in book().figures(NATION, months, before)] == [other, second.figure]
