"""What somebody does to one row who has all rights: changes, deletes, inserts, moves it. Seeded."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from services.audit.seals.findings import Finding
from services.domain.accounts import Place
from services.domain.chain import REGISTRY
from tests.integration.copies import Copies

COORDINATE = "concat(toString(log_no), '/', topic, '/', toString(partition), '/', toString({offset}))"
MOMENT = "toString(toUnixTimestamp64Milli(broker_time))"
RECORD_CHANGES = {
    "payload": "concat(payload, ' ')",
    "salt": "concat('x', salt)",
    "digest": "SHA256(digest)",
    "accepted": "1 - accepted",
    "leaf": "SHA256(leaf)",
    "broker_time": "broker_time + toIntervalMillisecond(1)",
    "rules": "rules + 1",
    "event_type": "'dk.frigjort.task.retracted.v2'",
    "event_source": "concat(event_source, 'x')",
    "event_id": "concat(event_id, 'x')",
    "subject": "concat(subject, 'x')",
    "code": "concat(code, 'x')",
    "path": "concat(path, 'x')",
}
BASELINE_CHANGES = {
    "payload": "concat(payload, ' ')",
    "digest": "SHA256(digest)",
    "generation": "generation + 1000",
    "mean_ms": "mean_ms + 1",
    "cap_ms": "ifNull(cap_ms, 0) + 1",
    "valid_to": "valid_to + toIntervalDay(1)",
    "published_at": "published_at + toIntervalDay(1)",
    "grade": "concat(grade, 'x')",
    "kind": "if(kind = 'published', 'withdrawn', 'published')",
    "approved_by": "concat(approved_by, 'x')",
    "evidence_sha256": "reverse(concat('1', evidence_sha256))",
}
SEAL_CHANGES = {
    "chain": "SHA256(chain)",
    "records": "records + 1",
    "closed_at": "closed_at + toIntervalHour(1)",
    "last_offset": "last_offset + 1",
}


@dataclass(frozen=True)
class Case:
    """What was done, and where it must be found."""

    what: str
    table: str
    place: Place
    offsets: tuple[int, ...]

    def is_named_by(self, finding: Finding) -> bool:
        """Whether the finding is of this table and place, and covers one of the offsets."""
        last = finding.offset if finding.last_offset is None else finding.last_offset
        here = finding.place == self.place and any(finding.offset <= offset <= last for offset in self.offsets)
        return here and self.table in finding.table.replace(",", " ").split()


class Tamperer(Copies):
    """Gives the tables a content that differs in one row, or in two that changed places."""

    def _one(self, sql: str, chance: Random) -> tuple[Any, ...]:
        return chance.choice(sorted(self._database.rows(sql)))

    def tamper(self, table: str, seed: int) -> Case:
        """One case. The rows are those of before but for one, or two that changed places."""
        chance = Random(seed)
        ways: dict[str, Callable[[Random], Case]] = {
            "records": self._records,
            "baselines": self._baselines,
            "seals": self._seals,
        }
        return ways[table](chance)

    # -- records ------------------------------------------------------------------------------------------------------------

    def _records(self, chance: Random) -> Case:
        log_no, topic, partition, offset, is_accepted, last = self._one(
            "SELECT log_no, topic, partition, offset, accepted, max(offset) OVER (PARTITION BY topic) FROM was_records",
            chance,
        )
        place = (log_no, topic, partition)
        here = f"topic = '{topic}' AND offset = {offset}"
        way = chance.choice(["change", "forge", "delete", "insert", "append", "reorder", "move"])
        if way == "change":
            name, value = chance.choice(list(RECORD_CHANGES.items()))
            self._replaced("records", here, name, value)
            return Case(f"change {name} of {offset}", "records", place, (offset,))
        if way == "forge":
            self._filled("records", f"SELECT * FROM was_records WHERE NOT ({here})", _forged(here, is_accepted))
        elif way == "delete":
            self._filled("records", f"SELECT * FROM was_records WHERE NOT ({here})")
        elif way == "insert":
            self._filled("records", "SELECT * FROM was_records", _forged(here, is_accepted=True))
        elif way == "append":
            self._filled("records", "SELECT * FROM was_records", _at(here, last + 1))
            return Case("append", "seals", place, (last + 1,))
        else:
            other = chance.choice([each for each in range(last + 1) if each != offset])
            there = f"topic = '{topic}' AND offset = {other}"
            put = _at if way == "move" else _as_it_is_at
            swapped = (put(here, other), put(there, offset))
            self._filled("records", f"SELECT * FROM was_records WHERE NOT ({here}) AND NOT ({there})", *swapped)
            return Case(f"{way} {offset} and {other}", "records", place, (offset, other))
        return Case(f"{way} {offset}", "records", place, (offset,))

    def _replaced(self, table: str, here: str, name: str, value: str) -> None:
        self._filled(table, f"SELECT * REPLACE (if({here}, {value}, {name}) AS {name}) FROM was_{table}")

    # -- the registry -------------------------------------------------------------------------------------------------------

    def _baselines(self, chance: Random) -> Case:
        (generation,) = self._one("SELECT generation FROM was_baselines", chance)
        here = f"generation = {generation}"
        way = chance.choice(["change", "change", "delete", "insert", "reorder"])
        offsets: tuple[int, ...] = (generation,)
        if way == "change":
            name, value = chance.choice(list(BASELINE_CHANGES.items()))
            self._replaced("baselines", here, name, value)
            way, offsets = f"change {name}", (generation, generation + 1000)
        elif way == "delete":
            self._filled("baselines", f"SELECT * FROM was_baselines WHERE NOT ({here})")
        elif way == "insert":
            more = f"SELECT * REPLACE (SHA256(concat(payload, ' ')) AS digest, concat(payload, ' ') AS payload) FROM (SELECT * FROM was_baselines WHERE {here})"
            self._filled("baselines", "SELECT * FROM was_baselines", more)
        else:
            (other,) = self._one(f"SELECT generation FROM was_baselines WHERE NOT ({here})", chance)
            to = f"multiIf(generation = {generation}, {other}, generation = {other}, {generation}, generation)"
            self._filled("baselines", f"SELECT * REPLACE (toUInt64({to}) AS generation) FROM was_baselines")
            offsets = (generation, other)
        return Case(f"{way} {generation}", "baselines", REGISTRY, offsets)

    # -- seals --------------------------------------------------------------------------------------------------------------

    def _seals(self, chance: Random) -> Case:
        log_no, topic, partition, last_offset = self._one(
            "SELECT log_no, topic, partition, last_offset FROM was_seals", chance
        )
        place = (log_no, topic, partition)
        here = f"topic = '{topic}' AND last_offset = {last_offset}"
        way = chance.choice(["change", "delete", "insert", "beyond", "reorder"])
        offsets: tuple[int, ...] = (last_offset,)
        if way == "change":
            name, value = chance.choice(list(SEAL_CHANGES.items()))
            self._replaced("seals", here, name, value)
            way, offsets = f"change {name}", (last_offset, last_offset + 1)
        elif way == "delete":
            self._filled("seals", f"SELECT * FROM was_seals WHERE NOT ({here})")
        elif way in {"insert", "beyond"}:
            to = last_offset if way == "insert" else 10**6
            more = f"SELECT * REPLACE (SHA256(chain) AS chain, toUInt64({to}) AS last_offset) FROM (SELECT * FROM was_seals WHERE {here})"
            self._filled("seals", "SELECT * FROM was_seals", more)
            offsets = (to,)
        else:
            others = self._database.rows(
                f"SELECT last_offset FROM was_seals WHERE topic = '{topic}' AND last_offset != {last_offset}"
            )
            if not others:
                return self._seals(chance)
            (other,) = chance.choice(sorted(others))
            to = f"multiIf(topic != '{topic}', last_offset, last_offset = {last_offset}, {other}, last_offset = {other}, {last_offset}, last_offset)"
            self._filled("seals", f"SELECT * REPLACE (toUInt64({to}) AS last_offset) FROM was_seals")
            offsets = (last_offset, other)
        return Case(f"{way} {last_offset}", "seals", place, offsets)


def _with(here: str, *columns: str) -> str:
    return f"SELECT * REPLACE ({', '.join(columns)}) FROM (SELECT * FROM was_records WHERE {here})"


def _at(here: str, offset: int) -> str:
    """The record at another offset, with a leaf that fits there: nobody needs a secret for that."""
    what = "if(accepted = 1, toString(digest), concat(code, '/', path))"
    leaf = f"SHA256(concat({COORDINATE.format(offset=offset)}, '/', {MOMENT}, '/', {what})) AS leaf"
    return _with(here, leaf, f"toUInt64({offset}) AS offset")


def _as_it_is_at(here: str, offset: int) -> str:
    """The record at another offset, and nothing else of it changed."""
    return _with(here, f"toUInt64({offset}) AS offset")


def _forged(here: str, is_accepted: bool) -> str:
    """Another content for a record, with a salt, a digest and a leaf that fit; one that was rejected with another code."""
    if not is_accepted:
        leaf = f"SHA256(concat({COORDINATE.format(offset='offset')}, '/', {MOMENT}, '/forged/', path)) AS leaf"
        return _with(here, leaf, "'forged' AS code")
    event = """'{"type":"t","source":"s","id":"forged","subject":"x"}'"""
    digest = f"SHA256(concat('salt', {event}))"
    leaf = f"SHA256(concat({COORDINATE.format(offset='offset')}, '/', {MOMENT}, '/', toString({digest})))"
    columns = f"{digest} AS digest, {leaf} AS leaf, toUInt8(1) AS accepted, {event} AS payload, 'salt' AS salt"
    return _with(
        here,
        columns,
        "'t' AS event_type, 's' AS event_source, 'forged' AS event_id, 'x' AS subject, '' AS code, '' AS path",
    )
