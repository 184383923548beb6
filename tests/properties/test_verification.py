"""Whoever changes one thing in stored history is found: where it stands, and nothing else with it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contracts import RULES
from services.audit.seals.findings import Finding, Kind
from services.audit.seals.records import Record
from services.audit.seals.verifying import Verified, Verifier
from services.domain.chain import AGE_MS, HOUR_MS, Checkpoint
from tests.fakes.history import PLACE, START_MS, History, accepted, event, moved, rejected

LATE_MS = START_MS + 100 * HOUR_MS


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Records of several hours, all of them sealed, at least four seals."""
    steps = draw(st.lists(st.sampled_from([0, 1_000, HOUR_MS // 3, HOUR_MS]), min_size=10, max_size=25))
    kinds = draw(st.lists(st.booleans(), min_size=len(steps), max_size=len(steps)))
    moment, rows = START_MS, []
    for offset, (step, good) in enumerate(zip(steps, kinds, strict=True)):
        moment += step
        payload = event(f"t-{offset}", offset)
        rows.append(
            accepted(PLACE, offset, moment, payload)
            if good
            else rejected(PLACE, offset, moment, "out_of_range", "data.n")
        )
    history = History({PLACE: rows}).sealed(LATE_MS)
    assume(len(history.seals) >= 4)
    return history


def verified(history: History, kept: list[Checkpoint] | None = None) -> Verified:
    return Verifier(history, kept or [], LATE_MS).run()


def covers(finding: Finding, offset: int) -> bool:
    return finding.offset <= offset <= (finding.offset if finding.last_offset is None else finding.last_offset)


def hour_of(history: History, offset: int) -> tuple[int, int]:
    """First and last offset of what one seal has more than the one before."""
    ends = [seal.last_offset for seal in history.seals]
    last = next(end for end in ends if end >= offset)
    return max((end for end in ends if end < offset), default=-1) + 1, last


def with_row(history: History, row: Record) -> History:
    """The row in the place of the one at its offset."""
    rows = [row if each.offset == row.offset else each for each in history.rows[PLACE]]
    return replace(history, rows={PLACE: rows})


@given(histories())
def test_untouched_history_is_verified_also_against_checkpoints_from_elsewhere(history: History) -> None:
    for kept in ([], history.seals, history.seals[:1]):
        result = verified(history, kept)
        assert (result.found, result.rows, result.seals) == (0, len(history.rows[PLACE]), len(history.seals))


def _forged(row: Record, said: int) -> Record:
    """Another content that agrees with itself, made without the secret."""
    if row.accepted:
        return accepted(PLACE, row.offset, row.broker_ms, event("forged", said), salt=b"f" * 32)
    return rejected(PLACE, row.offset, row.broker_ms, "invalid_cvr", "data.authority")


CARELESS: dict[str, Callable[[Record], Record]] = {
    "payload": lambda row: row._replace(payload=event("other", 1)),
    "no event": lambda row: row._replace(payload=b"{"),
    "salt": lambda row: row._replace(salt=b"x" * 32),
    "digest": lambda row: row._replace(digest=b"x" * 32),
    "leaf": lambda row: row._replace(leaf=b"x" * 32),
    "broker time": lambda row: row._replace(broker_ms=row.broker_ms + 1),
    "accepted": lambda row: row._replace(accepted=1 - row.accepted),
    "impossible": lambda row: row._replace(accepted=2),
    "rules": lambda row: row._replace(rules=0),
    "type": lambda row: row._replace(event_type=b"dk.frigjort.task.retracted.v1"),
    "source": lambda row: row._replace(event_source=b"/other"),
    "id": lambda row: row._replace(event_id=b"other"),
    "subject": lambda row: row._replace(subject=b"other"),
    "code": lambda row: row._replace(code=b"invalid_cvr"),
    "path": lambda row: row._replace(path=b"data.other"),
}


@pytest.mark.parametrize("name", CARELESS)
@given(history=histories(), data=st.data())
def test_a_row_that_does_not_agree_with_itself_is_named(name: str, history: History, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(history.rows[PLACE]))
    result = verified(with_row(history, CARELESS[name](row)))
    first = result.findings[0]
    assert (first.kind, first.table, first.offset, first.last_offset) == (Kind.ALTERED, "records", row.offset, None)
    begin, end = hour_of(history, row.offset)
    for other in result.findings:
        assert begin <= other.offset <= end
    assert not result.only_unsealed


@given(histories(), st.data(), st.integers(10**6, 10**6 + 9))
def test_a_row_that_was_changed_so_that_it_fits_is_found_by_its_seal(
    history: History, data: st.DataObject, said: int
) -> None:
    row = data.draw(st.sampled_from(history.rows[PLACE]))
    (found,) = verified(with_row(history, _forged(row, said))).findings
    assert (found.kind, (found.offset, found.last_offset)) == (Kind.NOT_AS_SEALED, hour_of(history, row.offset))
    is_last = found.last_offset == history.seals[-1].last_offset
    assert found.table == ("records or seals" if is_last else "records")


@given(histories(), st.data())
def test_rows_that_changed_places_are_found(history: History, data: st.DataObject) -> None:
    rows = history.rows[PLACE]
    one, other = data.draw(st.lists(st.sampled_from(rows), min_size=2, max_size=2, unique=True))
    for swapped in (
        [one._replace(offset=other.offset), other._replace(offset=one.offset)],
        [moved(PLACE, one, other.offset), moved(PLACE, other, one.offset)],
    ):
        if sorted(swapped) == sorted(
            (one, other)
        ):  # rejected in the same moment for the same reason: nothing has changed
            continue
        rest = [row for row in rows if row not in (one, other)]
        result = verified(replace(history, rows={PLACE: [*rest, *swapped]}))
        assert any(covers(found, one.offset) or covers(found, other.offset) for found in result.findings)


@given(histories(), st.data())
def test_a_row_that_is_gone_is_named(history: History, data: st.DataObject) -> None:
    gone = data.draw(st.sampled_from(history.rows[PLACE])).offset
    (found,) = verified(replace(history, rows={PLACE: [r for r in history.rows[PLACE] if r.offset != gone]})).findings
    assert (found.kind, found.offset, found.last_offset) == (Kind.MISSING, gone, gone)


@given(histories(), st.data())
def test_a_row_that_is_added_is_named(history: History, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(history.rows[PLACE]))
    other = accepted(PLACE, row.offset, row.broker_ms, event("added", 1), salt=b"f" * 32)
    result = verified(replace(history, rows={PLACE: [*history.rows[PLACE], other]}))
    first = result.findings[0]
    if row.accepted:  # a second content
        assert (first.kind, first.offset) == (Kind.ADDED, row.offset)
    else:  # what was rejected would be accepted
        assert (first.kind, first.offset, first.last_offset) == (Kind.NOT_AS_SEALED, *hour_of(history, row.offset))
    end = history.rows[PLACE][-1]
    beyond = moved(PLACE, end, end.offset + 1)
    result = verified(replace(history, rows={PLACE: [*history.rows[PLACE], beyond]}))
    assert [(found.kind, found.last_offset) for found in result.findings] == [(Kind.UNSEALED, beyond.offset)]


@given(histories(), st.data())
def test_a_seal_that_was_changed_is_named_and_nothing_else(history: History, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(history.seals) - 1))
    seal = history.seals[at]
    is_last = at == len(history.seals) - 1
    for changed in (
        replace(seal, chain=b"x" * 32),
        replace(seal, records=seal.records + 1),
        replace(seal, closed_ms=seal.closed_ms + 1),
    ):
        seals = [changed if each == seal else each for each in history.seals]
        (found,) = verified(replace(history, seals=seals)).findings
        if is_last and changed.chain != seal.chain:
            assert (found.kind, found.table, found.last_offset) == (
                Kind.NOT_AS_SEALED,
                "records or seals",
                seal.last_offset,
            )
        else:
            assert (found.kind, found.table, found.offset) == (Kind.SEAL, "seals", seal.last_offset)
        (found,) = verified(replace(history, seals=[*history.seals, changed])).findings
        assert (found.kind, found.table, found.offset) == (Kind.SEAL, "seals", seal.last_offset)


@given(histories(), st.data())
def test_a_seal_that_is_gone_or_moved_is_named(history: History, data: st.DataObject) -> None:
    seal = data.draw(st.sampled_from(history.seals))
    seals = [each for each in history.seals if each != seal]
    (found,) = verified(replace(history, seals=seals)).findings
    if seal == history.seals[-1]:
        assert (found.kind, found.last_offset) == (Kind.UNSEALED, seal.last_offset)
    else:
        assert (found.kind, found.table, found.offset) == (Kind.SEAL_MISSING, "seals", seal.last_offset)
    (found, *_) = verified(replace(history, seals=seals), history.seals).findings
    assert (found.kind, found.table, found.offset) == (Kind.SEAL_MISSING, "seals", seal.last_offset)
    beyond = replace(history.seals[-1], last_offset=10**6)
    (found,) = verified(replace(history, seals=[*history.seals, beyond])).findings
    assert (found.kind, found.last_offset) == (Kind.MISSING, 10**6)


@given(histories(), st.data())
def test_who_rewrites_everything_is_found_by_what_was_kept_elsewhere(history: History, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(history.rows[PLACE]))
    rewritten = with_row(history, _forged(row, 7)).sealed(LATE_MS)
    assert verified(rewritten).found == 0
    (found,) = verified(rewritten, history.seals).findings
    begin, end = hour_of(history, row.offset)
    assert (found.kind, found.offset, found.last_offset) == (Kind.NOT_AS_KEPT, begin, end)
    cut = [each for each in history.rows[PLACE] if each.offset < row.offset]
    shortened = History({PLACE: cut}).sealed(LATE_MS)
    assert verified(shortened).found == 0
    assert verified(shortened, history.seals).findings[-1].kind == Kind.MISSING
    assert verified(History(), history.seals).findings[-1].last_offset == history.seals[-1].last_offset


@given(histories(), st.data())
def test_a_lawful_erasure_is_no_finding_and_an_unlawful_one_is(history: History, data: st.DataObject) -> None:
    assume(any(row.accepted for row in history.rows[PLACE]))
    row = data.draw(st.sampled_from([row for row in history.rows[PLACE] if row.accepted]))
    erased = with_row(history, row._replace(payload=b"", salt=b""))
    (found,) = verified(erased).findings
    assert (found.kind, found.offset) == (Kind.PAYLOAD_MISSING, row.offset)
    result = verified(replace(erased, ledger={PLACE: {row.offset}}))
    assert (result.found, result.erased) == (0, 1)
    (found,) = verified(replace(history, ledger={PLACE: {row.offset}})).findings
    assert (found.kind, found.table, found.offset) == (Kind.NOT_ERASED, "records", row.offset)
    (found,) = verified(replace(erased, ledger={PLACE: {row.offset, 10**6}})).findings
    assert (found.kind, found.table, found.offset) == (Kind.NOT_ERASED, "erasures", 10**6)


@given(histories())
def test_what_nobody_seals_is_said_and_is_no_alteration(history: History) -> None:
    result = verified(replace(history, seals=[]))
    assert (result.found, result.findings[0].kind, result.only_unsealed) == (1, Kind.UNSEALED, True)
    newest = history.rows[PLACE][-1].broker_ms
    young = Verifier(replace(history, seals=history.seals[:-1]), [], newest + HOUR_MS + AGE_MS).run()
    assert young.found == 0


def test_rules_of_a_newer_release_are_not_judged() -> None:
    row = accepted(PLACE, 0, START_MS, event("t", 1))._replace(rules=RULES + 1)
    (found,) = verified(History({PLACE: [row]}).sealed(LATE_MS)).findings
    assert (found.kind, found.offset) == (Kind.UNKNOWN_RULES, 0)
