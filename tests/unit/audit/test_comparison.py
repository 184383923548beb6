"""Looking again: what a collector is just writing is no finding, what stays is one."""

# ruff: noqa: ARG002 - a script answers whatever it is asked

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from services.audit.chunks import Chunk
from services.audit.recompute.comparison import (
    LOOKS,
    ColumnDifference,
    Compared,
    Finding,
    Kind,
    Recomputation,
    Sums,
    TotalDifference,
)

LATE = Finding(Kind.EXTRA, "a", "late")
LATER = Finding(Kind.EXTRA, "a", "later")
WRONG = Finding(Kind.DIFFERS, "a", "wrong", (ColumnDifference("saved_ms", "1", "2"),))
MOVING = [Finding(Kind.DIFFERS, "a", "moving", (ColumnDifference("saved_ms", str(n), "9"),)) for n in range(9)]
ERASED = Finding(Kind.ERASED, "a", "erased")
TOTAL = TotalDifference("hours_freed_daily", "a", Sums(1, 1, 1), Sums(1, 1, 2))
OTHER_TOTAL = TotalDifference("hours_freed_daily", "a", Sums(1, 1, 2), Sums(1, 1, 3))


def looked(*findings: Finding, more: int = 0) -> Compared:
    """A look at authority a that listed these findings and counted so many more."""
    counts = {kind: sum(one.kind == kind for one in findings) for kind in {one.kind for one in findings}}
    if more:
        counts[Kind.DIFFERS] = counts.get(Kind.DIFFERS, 0) + more
    return Compared("a", counts, findings, Sums(2, 1, 5), Sums(2, 1, 5), 1)


@dataclass
class ScriptedStore:
    """Answers look after look from a list; the last answer for ever. Notes what was done."""

    looks: Sequence[Compared]
    totals: Sequence[Sequence[TotalDifference]] = ((),)
    sizes: dict[str, int] = field(default_factory=lambda: {"a": 10})
    done: list[str] = field(default_factory=list)

    def newest_generation(self) -> int:
        return 7

    def events(self, authorities: Collection[str]) -> dict[str, int]:
        return self.sizes

    def compared(self, chunk: Chunk, generation: int) -> list[Compared]:
        self.done.append("look")
        return [self.looks[min(self.done.count("look"), len(self.looks)) - 1]]

    def total_differences(self, authorities: Collection[str]) -> list[TotalDifference]:
        self.done.append("totals")
        return list(self.totals[min(self.done.count("totals"), len(self.totals)) - 1])

    def stale(self, authorities: Collection[str]) -> dict[str, int]:
        return {"a": 3}

    def run(self) -> tuple[list[Finding], int, list[str]]:
        """What was found, how many are wrong, what was done."""
        report = Recomputation(self, pause=lambda: self.done.append("pause")).run()
        return report.findings, report.wrong, self.done


def test_nothing_wrong_is_looked_at_once() -> None:
    assert ScriptedStore([looked()]).run() == ([], 0, ["look", "totals"])
    assert ScriptedStore([looked(ERASED)]).run() == ([ERASED], 0, ["look", "totals"])


def test_what_is_gone_at_the_second_look_was_being_written() -> None:
    done = ["look", "pause", "look", "totals"]
    assert ScriptedStore([looked(LATE), looked()]).run() == ([], 0, done)
    assert ScriptedStore([looked(LATE), looked(LATER)]).run() == ([], 0, done)


def test_what_stays_is_found_and_only_that() -> None:
    looks = [looked(LATE, WRONG, ERASED), looked(WRONG, LATER, ERASED), looked(WRONG, ERASED)]
    found, wrong, done = ScriptedStore(looks).run()
    assert (found, wrong) == ([WRONG, ERASED], 1)
    assert done.count("look") == LOOKS
    assert done.count("pause") == LOOKS - 1


def test_what_changes_from_look_to_look_is_no_finding() -> None:
    assert ScriptedStore([looked(one) for one in MOVING]).run()[:2] == ([], 0)


def test_more_findings_than_are_listed_are_believed_as_they_are_counted() -> None:
    found, wrong, _ = ScriptedStore([looked(WRONG, more=20_000)]).run()
    assert (found, wrong) == ([WRONG], 20_001)


def test_totals_are_looked_at_again_too() -> None:
    report = Recomputation(ScriptedStore([looked()], totals=[[TOTAL], [OTHER_TOTAL]]), pause=lambda: None).run()
    assert report.totals == ()
    report = Recomputation(ScriptedStore([looked()], totals=[[TOTAL]]), pause=lambda: None).run()
    assert (report.totals, report.wrong) == ((TOTAL,), 1)


def test_parts_of_an_authority_are_put_together_and_progress_is_told() -> None:
    store = ScriptedStore([looked(WRONG)], sizes={"a": 600_000})
    heard: list[tuple[int, int]] = []
    report = Recomputation(store, pause=lambda: None, watch=lambda *told: heard.append(told)).run()
    (one,) = report.compared
    assert (one.stored, one.outdated, report.count(Kind.DIFFERS)) == (Sums(6, 3, 15), 3, 3)
    assert heard == [(200_000, 600_000), (400_000, 600_000), (600_000, 600_000)]
    assert report.stale == {"a": 3}
