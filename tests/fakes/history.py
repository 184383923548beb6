"""Stored and sealed history in memory: what `services.audit` reads, and what somebody may do to it who has all rights."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from contracts import RULES, topics
from services.audit.seals.records import Record
from services.audit.seals.rows import Row, leaves
from services.domain.accounts import Place
from services.domain.chain import Chain, Checkpoint, sealable
from services.domain.provenance import REJECTED_DIGEST, Provenance, accepted_leaf, digest_of, rejected_leaf

PLACE: Place = (1, topics.tasks_topic("10000009"), 0)
START_MS = 1_775_001_600_000
PROVENANCE = Provenance(b"s" * 32)


def coordinate(place: Place, offset: int) -> bytes:
    return ("/".join(map(str, place)) + f"/{offset}").encode()


def event(subject: str, said: int) -> bytes:
    """The bytes of an event; `said` stands for all that it says beside."""
    head = {"type": "dk.frigjort.task.completed.v1", "source": "/sags", "id": f"{subject}-{said}", "subject": subject}
    return msgspec.json.encode({**head, "data": {"said": said}})


def accepted(place: Place, offset: int, broker_ms: int, payload: bytes, salt: bytes | None = None) -> Record:
    """The row of an accepted record; who has no secret takes any salt."""
    where = coordinate(place, offset)
    salt = PROVENANCE.salt(where) if salt is None else salt
    digest = digest_of(salt, payload)
    head = msgspec.json.decode(payload)
    leaf = accepted_leaf(where, broker_ms, digest)
    event_type, source, identifier, subject = (head[name].encode() for name in ("type", "source", "id", "subject"))
    names = (event_type, source, identifier, subject)
    return Record(offset, digest, 1, RULES, broker_ms, leaf, *names, payload, salt, b"", b"")


def rejected(place: Place, offset: int, broker_ms: int, code: str, path: str) -> Record:
    """The row of a rejected record."""
    leaf = rejected_leaf(coordinate(place, offset), broker_ms, code, path)
    words = (code.encode(), path.encode())
    return Record(offset, REJECTED_DIGEST, 0, RULES, broker_ms, leaf, b"", b"", b"", b"", b"", b"", *words)


def moved(place: Place, row: Record, offset: int) -> Record:
    """The record at another offset, with a leaf that fits there: nobody needs a secret for that."""
    where = coordinate(place, offset)
    if row.accepted:
        return row._replace(offset=offset, leaf=accepted_leaf(where, row.broker_ms, row.digest))
    leaf = rejected_leaf(where, row.broker_ms, row.code.decode(), row.path.decode())
    return row._replace(offset=offset, leaf=leaf)


@dataclass
class History:
    """`Store` of the verifier."""

    rows: dict[Place, list[Record]] = field(default_factory=dict)
    seals: list[Checkpoint] = field(default_factory=list)
    ledger: dict[Place, set[int]] = field(default_factory=dict)
    registry: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])

    def counts(self) -> dict[Place, int]:
        return {place: len(rows) for place, rows in self.rows.items()}

    def checkpoints(self) -> Sequence[Checkpoint]:
        return self.seals

    def erased(self) -> dict[Place, Collection[int]]:
        return {place: frozenset(offsets) for place, offsets in self.ledger.items()}

    def records(self, place: Place) -> Iterator[list[Record]]:
        """Pages of two coordinates."""
        rows = sorted(self.rows.get(place, []))
        offsets = sorted({row.offset for row in rows})
        for first in range(0, len(offsets), 2):
            yield [row for row in rows if row.offset in offsets[first : first + 2]]

    def baselines(self) -> list[dict[str, Any]]:
        return self.registry[0]

    def authorities(self) -> list[dict[str, Any]]:
        return self.registry[1]

    def sealed(self, now_ms: int) -> "History":
        """The same with the seals that are due."""
        found = [
            each
            for place, rows in self.rows.items()
            for each in sealable(Chain.of(place), leaves(Row(*row[:6]) for row in sorted(rows)), now_ms)
            if isinstance(each, Checkpoint)
        ]
        return replace(self, seals=found)
