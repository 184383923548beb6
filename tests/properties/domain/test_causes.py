"""The causes of a difference add up to it, for a task and for any number of alike ones."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from services.domain.causes import NOTHING, Cause, Effect, Figures, Pair, added_up, causes

MS = st.integers(-(10**12), 10**12)
REWORK = st.integers(0, 10**9)
MEASURED = st.builds(Figures, st.just(True), MS, REWORK)
FIGURES = MEASURED | st.builds(Figures, st.just(False), st.just(0), REWORK)


@st.composite
def pairs(draw: st.DrawFn) -> Pair:
    """A task at two instants as ClickHouse may find it."""
    if not draw(st.booleans()):
        after = draw(FIGURES)
        return Pair(False, False, draw(st.booleans()), draw(st.booleans()), False, draw(st.booleans()), after=after)
    before = draw(FIGURES)
    exchanged = draw(st.booleans())
    retracted = draw(st.booleans()) if exchanged else before == NOTHING
    between = before if not exchanged else NOTHING if retracted else draw(FIGURES)
    restated = not retracted and draw(st.booleans())
    after = replace(draw(FIGURES), rework_ms=between.rework_ms) if restated else between
    return Pair(
        known=True,
        exchanged=exchanged,
        retracted=retracted,
        reopened=exchanged and not retracted and draw(st.booleans()),
        reworked=exchanged and before.rework_ms != between.rework_ms,
        restated=restated,
        before=before,
        between=between,
        after=after,
    )


def difference(pair: Pair) -> int:
    return pair.after.saved_ms - pair.before.saved_ms


def alike(pair: Pair) -> tuple[bool, ...]:
    """What pairs have in common that may be added up."""
    flags = (pair.known, pair.exchanged, pair.retracted, pair.reopened, pair.reworked, pair.restated)
    return (*flags, pair.before.measured, pair.between.measured, pair.after.measured)


def together(those: Sequence[Pair]) -> Pair:
    """Alike pairs as one."""

    def total(figures: Sequence[Figures]) -> Figures:
        return Figures(figures[0].measured, sum(f.saved_ms for f in figures), sum(f.rework_ms for f in figures))

    return replace(
        those[0],
        before=total([pair.before for pair in those]),
        between=total([pair.between for pair in those]),
        after=total([pair.after for pair in those]),
        tasks=len(those),
    )


@given(pairs())
def test_the_causes_of_a_pair_add_up(pair: Pair) -> None:
    assert sum(effect.saved_ms for effect in causes(pair).values()) == difference(pair)


@given(st.lists(pairs(), max_size=30))
def test_the_causes_of_many_add_up_and_alike_ones_may_be_added_first(many: list[Pair]) -> None:
    one_by_one = added_up(many)
    assert set(one_by_one) == set(Cause)
    assert sum(effect.saved_ms for effect in one_by_one.values()) == sum(map(difference, many))
    grouped = [together(list(those)) for _, those in groupby(sorted(many, key=alike), key=alike)]
    assert added_up(grouped) == one_by_one


def pair(**fields: object) -> Pair:
    """A known task that saved 10 minutes with 1 of rework, and has not changed, but for these fields."""
    figures = Figures(True, 600_000, 60_000)
    known = {
        "known": True,
        "exchanged": False,
        "retracted": False,
        "reopened": False,
        "reworked": False,
        "restated": False,
    }
    return Pair(**{**known, "before": figures, "between": figures, "after": figures, **fields})  # type: ignore[arg-type]


def test_each_cause_by_example() -> None:
    assert causes(pair()) == {}
    assert causes(pair(known=False, before=NOTHING)) == {Cause.NEW: Effect(1, 600_000)}
    gone = {"exchanged": True, "retracted": True, "between": NOTHING, "after": NOTHING}
    assert causes(pair(**gone)) == {Cause.RETRACTION: Effect(1, -600_000)}
    assert causes(pair(restated=True, after=Figures(True, 500_000, 60_000))) == {Cause.RESTATEMENT: Effect(1, -100_000)}
    corrected = Figures(True, 900_000, 60_000)
    assert causes(pair(exchanged=True, between=corrected, after=corrected)) == {Cause.CORRECTION: Effect(1, 300_000)}
    # Twenty minutes of rework more and ten of review less: saved 600 s before, 0 s now.
    reopened = Figures(True, 0, 1_260_000)
    assert causes(pair(exchanged=True, reopened=True, reworked=True, between=reopened, after=reopened)) == {
        Cause.MATURED_REWORK: Effect(1, -1_200_000),
        Cause.REOPENING: Effect(1, 600_000),
    }
    # What was incomplete has no rework to compare with: all of it is the correction's.
    incomplete = Figures(False, 0, 0)
    assert causes(pair(exchanged=True, reworked=True, before=incomplete)) == {Cause.CORRECTION: Effect(1, 600_000)}
    both = pair(exchanged=True, restated=True, between=corrected, after=Figures(True, 1, 60_000))
    assert causes(both) == {Cause.CORRECTION: Effect(1, 300_000), Cause.RESTATEMENT: Effect(1, -899_999)}
