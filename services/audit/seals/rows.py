"""From stored rows to what the chain takes of them. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from services.domain.chain import Leaf, registry_leaf


class Row(NamedTuple):
    """What decides which row of `records` counts at its coordinate, and its leaf."""

    offset: int
    digest: bytes
    accepted: int
    rules: int
    broker_ms: int
    leaf: bytes


def winner(rows: Iterable[Row]) -> Row:
    """The one that counts among the rows of one coordinate: accepted beats rejected, then higher rules, then the lower digest."""
    return min(rows, key=lambda row: (-row.accepted, -row.rules, row.digest))


def contents(rows: Iterable[Row]) -> int:
    """How many different accepted contents the rows of one coordinate hold; 1 where none was accepted."""
    return max(1, len({row.digest for row in rows if row.accepted}))


def leaves(rows: Iterable[Row]) -> Iterator[Leaf]:
    """One leaf a coordinate, of rows by offset."""
    for offset, group in groupby(rows, key=itemgetter(0)):
        same = list(group)
        counts = winner(same) if len(same) > 1 else same[0]
        yield Leaf(offset, counts.broker_ms, counts.leaf, contents(same) if len(same) > 1 else 1)


def registry_leaves(events: Iterable[tuple[int, int, bytes]]) -> Iterator[Leaf]:
    """One leaf a generation, of (generation, time of publication in ms, digest of the payload) by generation."""
    for generation, group in groupby(events, key=itemgetter(0)):
        same = sorted({(digest, published_ms) for _, published_ms, digest in group})
        digest, published_ms = same[0]
        yield Leaf(generation, published_ms, registry_leaf(generation, published_ms, digest), len(same))
