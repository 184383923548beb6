"""What somebody does to one row of what is published, who has all rights. Seeded."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from services.audit.rollups.findings import Finding
from services.domain.rollups.tables import CLUSTERS, DAILY
from tests.integration.copies import Copies

_LAYOUTS = {layout.table: layout for layout in (DAILY, CLUSTERS)}
_HEAD_CHANGES = {
    "seq": "seq + 1",
    "run": "bitXor(run, 1)",
    "n": "n + 1",
    "rows": "SHA256(rows)",
    "previous": "SHA256(previous)",
    "published_at": "published_at + toIntervalMillisecond(1)",
    "head": "SHA256(head)",
}
Row = tuple[str, date, int, int]


@dataclass(frozen=True)
class Case:
    """What was done, and of which unit and runs it must be found."""

    what: str
    table: str
    authority: str
    day: date
    runs: tuple[int, ...]

    def is_named_by(self, finding: Finding) -> bool:
        """Whether the finding is of this unit and one of the runs."""
        here = (finding.authority, finding.day) == (self.authority, self.day) and finding.run in self.runs
        return here and (self.table in finding.table or self.table == "unit_heads")


class Tamperer(Copies):
    """Gives the tables a content that differs in one row."""

    def tamper(self, table: str, seed: int) -> Case:
        """One case."""
        chance = Random(seed)
        which = "seq" if table == "unit_heads" else f"cityHash64({', '.join(_LAYOUTS[table].keys)})"
        rows: list[Any] = self._database.rows(f"SELECT authority, day, run, {which} FROM was_{table} WHERE n > 0")
        authority, day, run, row = chance.choice(sorted(rows))
        here = f"authority = '{authority}' AND day = '{day}' AND run = {run} AND {which} = {row}"
        ways: dict[str, Callable[[str, str, int, Random], tuple[int, ...]]] = {
            "change": self._changed,
            "delete": self._deleted,
            "insert": self._inserted,
        }
        way = chance.choice(list(ways))
        return Case(f"{way} {here}", table, authority, day, ways[way](table, here, run, chance))

    def _changed(self, table: str, here: str, run: int, chance: Random) -> tuple[int, ...]:
        changes = _HEAD_CHANGES if table == "unit_heads" else _changes_of(table)
        name, value = chance.choice(list(changes.items()))
        self._filled(table, f"SELECT * REPLACE (if({here}, {value}, {name}) AS {name}) FROM was_{table}")
        return self._runs_beside(table, here, run)

    def _deleted(self, table: str, here: str, run: int, _: Random) -> tuple[int, ...]:
        self._filled(table, f"SELECT * FROM was_{table} WHERE NOT ({here})")
        return self._runs_beside(table, here, run)

    def _inserted(self, table: str, here: str, run: int, chance: Random) -> tuple[int, ...]:
        """Another row of the run, or one of a run that nobody published; a head that points back to what was shown before."""
        if table == "unit_heads":
            changed = "seq + 4294967296 AS seq, published_at + toIntervalSecond(1) AS published_at"
        elif chance.random() < 0.5:
            changed = "concat(task_type, '-other') AS task_type, n + 7 AS n"
        else:
            changed, run = f"toUInt64({run ^ 1}) AS run", run ^ 1
        forged = f"SELECT * REPLACE ({changed}) FROM (SELECT * FROM was_{table} WHERE {here})"
        self._filled(table, f"SELECT * FROM was_{table}", forged)
        return (run, run ^ 1)

    def _runs_beside(self, table: str, here: str, run: int) -> tuple[int, ...]:
        """Where it may be found: a head that is gone is missed by the one after it, or its rows are nobody's."""
        if table != "unit_heads":
            return (run, run ^ 1)
        unit = "(authority, day) IN (SELECT authority, day FROM was_unit_heads WHERE " + here + ")"
        return (run, run ^ 1, *(r for (r,) in self._database.rows(f"SELECT run FROM was_unit_heads WHERE {unit}")))


def _changes_of(table: str) -> dict[str, str]:
    layout = _LAYOUTS[table]
    words = {
        name: f"concat({name}, '-other')" for name in (*layout.keys, *layout.follows) if name != "baseline_version"
    }
    numbers = {name: f"{name} + 1" for name in (*layout.amounts, "baseline_version")}
    return {**words, **numbers, "run": "bitXor(run, 1)"}
