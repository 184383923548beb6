"""Whether stored rows of `records` are what they say they are: digest, leaf and columns beside the payload. Pure."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Final, NamedTuple

import msgspec

from contracts import RULES
from services.audit.seals.findings import Fault, Kind
from services.audit.seals.rows import Row, contents, winner
from services.audit.seals.verification import Entry
from services.domain.accounts import Place
from services.domain.chain import Leaf
from services.domain.provenance import REJECTED_DIGEST, accepted_leaf, digest_of, rejected_leaf

_TABLE: Final = "records"


class Record(NamedTuple):
    """A row of `records`, without the place that it is of."""

    offset: int
    digest: bytes
    accepted: int
    rules: int
    broker_ms: int
    leaf: bytes
    event_type: bytes
    event_source: bytes
    event_id: bytes
    subject: bytes
    payload: bytes
    salt: bytes
    code: bytes
    path: bytes


class _Head(msgspec.Struct):
    type: str
    source: str
    id: str
    subject: str


_HEAD: Final = msgspec.json.Decoder(_Head)


def entries(place: Place, rows: Iterable[Record], erased: Collection[int]) -> Iterator[Entry]:
    """One entry a coordinate, of rows by offset; `erased`: the offsets that the ledger of erasures names."""
    head = "/".join(map(str, place)) + "/"
    for offset, group in groupby(rows, key=itemgetter(0)):
        same = list(group)
        coordinate = f"{head}{offset}".encode()
        faults = [fault for row in same for fault in _faults(coordinate, row, is_erased=offset in erased)]
        counts = winner(Row(*row[:6]) for row in same)
        found = contents(Row(*row[:6]) for row in same)
        if found > 1:
            faults.append(Fault(Kind.ADDED, _TABLE, f"{found} different contents stand here"))
        if offset in erased and not counts.accepted:
            faults.append(
                Fault(Kind.NOT_ERASED, "erasures", "an erasure of a record that was rejected, so has no payload")
            )
        yield Entry(Leaf(offset, counts.broker_ms, counts.leaf, found), tuple(dict.fromkeys(faults)))


def _faults(coordinate: bytes, row: Record, *, is_erased: bool) -> Iterator[Fault]:
    """What is wrong with one row."""
    if row.rules > RULES:
        yield Fault(
            Kind.UNKNOWN_RULES,
            _TABLE,
            f"judged by rules {row.rules}; this release knows {RULES}: verify with a newer one",
        )
    elif row.rules < 1 or row.accepted > 1:
        yield _altered(f"accepted {row.accepted} under rules {row.rules}: there is no such thing")
    yield from _accepted(coordinate, row, is_erased=is_erased) if row.accepted else _rejected(coordinate, row)


def _rejected(coordinate: bytes, row: Record) -> Iterator[Fault]:
    code, path = row.code.decode("utf-8", "replace"), row.path.decode("utf-8", "replace")
    if row.leaf != rejected_leaf(coordinate, row.broker_ms, code, path):
        yield _altered("the leaf is not that of this coordinate, broker time, code and path")
    if row.digest != REJECTED_DIGEST:
        yield _altered("rejected, and yet it has a digest")
    if any((row.event_type, row.event_source, row.event_id, row.subject, row.payload, row.salt)):
        yield _altered("rejected, and yet something of the event is stored")


def _accepted(coordinate: bytes, row: Record, *, is_erased: bool) -> Iterator[Fault]:
    if row.leaf != accepted_leaf(coordinate, row.broker_ms, row.digest):
        yield _altered("the leaf is not that of this coordinate, broker time and digest")
    if row.code or row.path:
        yield _altered("accepted, and yet it has a code or a path of a rejection")
    if row.payload or row.salt:
        if is_erased:
            yield Fault(
                Kind.NOT_ERASED,
                _TABLE,
                "an erasure is recorded, and payload or salt is here: `frigjort audit erase --again`",
            )
        yield from _payload(row)
    elif not is_erased:
        yield Fault(Kind.PAYLOAD_MISSING, _TABLE, "payload and salt are gone, and no erasure is recorded")


def _payload(row: Record) -> Iterator[Fault]:
    if row.digest != digest_of(row.salt, row.payload):
        yield _altered("the digest is not that of salt and payload")
    try:
        head = _HEAD.decode(row.payload)
    except msgspec.MsgspecError:
        yield _altered("the payload is no event")
        return
    for name, stored, said in (
        ("event_type", row.event_type, head.type),
        ("event_source", row.event_source, head.source),
        ("event_id", row.event_id, head.id),
        ("subject", row.subject, head.subject),
    ):
        if stored != said.encode():
            yield _altered(f"column {name} is not what the payload says")


def _altered(what: str) -> Fault:
    return Fault(Kind.ALTERED, _TABLE, what)
