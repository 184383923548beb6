"""The seal chain of one partition of one log, and which of its prefixes is sealed by what checkpoint. Pure.

    h_i = SHA256(h_(i-1) leaf_i)        h before the first record is 32 zero bytes

A leaf binds its coordinate, broker time and disposition (`provenance`), so h_i stands for all records up to offset i: none of
them can be changed, left out, added or moved without another h_i.

A checkpoint ends an hour of broker time: it stands at the last record before the first one of a later hour. Where a record is
stamped earlier than one before it, it belongs to the hour of that one. So where checkpoints must stand follows from the records
alone, and any number of sealers, whenever they run and wherever they carry on, make these with the same chain. A checkpoint may
be made when its hour has been over for an hour: every record in it is at least an hour old then. Where the rows end in an hour
that is over for so long, one is made at their end; if records of that hour are stored afterwards, since collectors were behind,
it stands within the hour and does no harm: its chain is as right as any.

The registry's events are chained in the same manner, by generation: they stand under log 0, which no Kafka log has, with the
generation in place of the offset, the time of publication in place of the broker's, and the plain digest of their payload.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final, Self

from contracts import topics
from services.domain.accounts import Place
from services.domain.provenance import accepted_leaf

BEFORE_THE_FIRST: Final = bytes(32)
HOUR_MS: Final = 3_600_000
AGE_MS: Final = HOUR_MS
"""How long the hour of a checkpoint must be over before it may be made."""
REGISTRY: Final[Place] = (0, topics.BASELINES, 0)


def link(before: bytes, leaf: bytes) -> bytes:
    """The chain with one leaf more."""
    return sha256(before + leaf).digest()


def registry_leaf(generation: int, published_ms: int, digest: bytes) -> bytes:
    """The leaf of a registry event with this digest of its payload."""
    log_no, topic, partition = REGISTRY
    return accepted_leaf(f"{log_no}/{topic}/{partition}/{generation}".encode(), published_ms, digest)


def may_be_sealed(closes_ms: int, now_ms: int) -> bool:
    """Whether the hour that ends at `closes_ms` may be sealed: it has been over for long enough."""
    return closes_ms + AGE_MS <= now_ms


def first_offset(place: Place) -> int:
    """Where a chain begins: logs at offset 0, the registry at generation 1."""
    return 1 if place == REGISTRY else 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`chain` is h at `last_offset`, over `records` leaves. `closed_ms`: the end of the hour of broker time that its newest
    record is of, epoch milliseconds; so all of it follows from the records."""

    log_no: int
    topic: str
    partition: int
    last_offset: int
    chain: bytes
    records: int
    closed_ms: int

    @property
    def place(self) -> Place:
        """The partition that it is of."""
        return self.log_no, self.topic, self.partition

    def __str__(self) -> str:
        return f"{self.log_no}/{self.topic}/{self.partition}/{self.last_offset}"


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the chain takes of a record. `contents`: how many different ones stand at its coordinate; 1 but for an incident."""

    offset: int
    broker_ms: int
    leaf: bytes
    contents: int = 1


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain up to and with `offset`. `hour`: number of the hour that its newest record is of, counted from 1970."""

    place: Place
    offset: int
    head: bytes = BEFORE_THE_FIRST
    hour: int = 0

    @classmethod
    def of(cls, place: Place) -> Self:
        """The chain before the first record."""
        return cls(place, first_offset(place) - 1)

    @classmethod
    def after(cls, checkpoint: Checkpoint) -> Self:
        """The chain as a checkpoint left it."""
        hour = checkpoint.closed_ms // HOUR_MS - 1
        return cls(checkpoint.place, checkpoint.last_offset, checkpoint.chain, hour)

    @property
    def records(self) -> int:
        """How many are in it."""
        return self.offset - first_offset(self.place) + 1

    @property
    def closes_ms(self) -> int:
        """The end of the hour of its newest record."""
        return (self.hour + 1) * HOUR_MS

    def with_leaf(self, broker_ms: int, leaf: bytes) -> "Chain":
        """The chain with the next record."""
        return Chain(self.place, self.offset + 1, link(self.head, leaf), max(self.hour, broker_ms // HOUR_MS))

    def ends_before(self, broker_ms: int) -> bool:
        """Whether a record of this time begins another hour, so that a checkpoint stands before it."""
        return self.records > 0 and broker_ms // HOUR_MS > self.hour

    def checkpoint(self) -> Checkpoint:
        """A checkpoint here."""
        return Checkpoint(*self.place, self.offset, self.head, self.records, self.closes_ms)


class Why(StrEnum):
    """Why nothing more is sealed."""

    END = "end"
    YOUNG = "young"
    GAP = "gap"
    TWO_CONTENTS = "two_contents"


@dataclass(frozen=True, slots=True)
class Unsealed:
    """Where sealing ended: the next `offset`, why, and the broker's time of the first record that is not sealed, if there is
    one."""

    offset: int
    why: Why
    since_ms: int | None


def sealable(start: Chain, leaves: Iterable[Leaf], now_ms: int) -> Iterator[Checkpoint | Unsealed]:
    """The checkpoints that may be made from `start` on, and at last where it ended. `leaves`: all that is stored beyond
    `start`, one a coordinate, by offset.

    Only what is closed is sealed: a missing offset and a coordinate with two contents end it.
    """
    chain, why = start, Why.END
    since_ms: int | None = None
    for leaf in leaves:
        why = _obstacle(chain, leaf, now_ms)
        if since_ms is not None and why in {Why.END, Why.YOUNG} and chain.ends_before(leaf.broker_ms):
            yield chain.checkpoint()
            since_ms = None
        if since_ms is None:
            since_ms = leaf.broker_ms
        if why != Why.END:
            break
        chain = chain.with_leaf(leaf.broker_ms, leaf.leaf)
    if why == Why.END and since_ms is not None:
        yield chain.checkpoint()
        since_ms = None
    yield Unsealed(chain.offset + 1, why, since_ms)


def _obstacle(chain: Chain, leaf: Leaf, now_ms: int) -> Why:
    """What keeps a record out of the prefix that may be sealed; `END`: nothing."""
    if leaf.contents != 1:
        return Why.TWO_CONTENTS
    if leaf.offset != chain.offset + 1:
        return Why.GAP
    hour = max(chain.hour, leaf.broker_ms // HOUR_MS)
    return Why.END if may_be_sealed((hour + 1) * HOUR_MS, now_ms) else Why.YOUNG
