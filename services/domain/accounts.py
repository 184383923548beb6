"""What Kafka's logs hold against what is stored of them, counted partition by partition. Pure.

Invariant. A log begins at offset 0 and every offset below its end is a record (input topics are neither compacted nor
written in transactions). So for the log that Kafka has now, per partition,

    end = stored + missing + waiting,   stored = accepted + duplicates + rejected

where an offset is *waiting* if it lies at or above everything that was stored, committed or deleted from the log. Every
other offset that is not stored is *missing*, wherever it lies. So what retention removed must be stored, and a topic whose
first records were removed before the first collector ran has lost them: Kafka gives each new topic the offset 0, hence they
existed. Of earlier logs of a topic nothing is in Kafka: they must be without holes from 0 as far as they are stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Range = tuple[int, int]
"""First and last offset."""
Place = tuple[int, str, int]
"""Log number, topic, partition."""


@dataclass(frozen=True, slots=True)
class Log:
    """A partition in Kafka. `end`: offset after the last record; `stable_end`: the same for readers of committed
    transactions; `committed`: the collectors' next offset, `None` for none."""

    beginning: int
    end: int
    stable_end: int
    committed: int | None = None

    @property
    def records(self) -> int:
        """How many are in it."""
        return self.end - self.beginning


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic in Kafka, with its log of each partition."""

    topic_id: str
    cleanup_policy: frozenset[str]
    logs: Mapping[int, Log]


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of a partition: first and last offset, offsets by disposition (`events` includes duplicates), offsets
    judged both ways (`rejudged`), contents too many (`incidents`), events that are the first with their id."""

    first: int
    last: int
    events: int
    rejections: int
    rejudged: int = 0
    incidents: int = 0
    ids: int = 0

    @property
    def offsets(self) -> int:
        """How many offsets are stored."""
        return self.events + self.rejections

    @property
    def duplicates(self) -> int:
        """Events whose id came before. Exact where nothing is missing."""
        return self.events - self.ids


@dataclass(frozen=True, slots=True)
class Gaps:
    """Offsets that are not stored: how many, in how many ranges, and the first of these ranges."""

    offsets: int = 0
    ranges: int = 0
    first: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What ClickHouse says. `bindings`: per topic its log numbers, each with the topic ids bound to it; `gaps`: below the
    highest stored offset, of the `incomplete` partitions."""

    authorities: frozenset[str]
    bindings: Mapping[str, Mapping[int, frozenset[str]]]
    stored: Mapping[Place, Stored]
    gaps: Mapping[Place, Gaps]


@dataclass(frozen=True, slots=True)
class Account:
    """One partition of one log. `log` is `None` for a log that Kafka does not have (any more)."""

    log_no: int
    topic: str
    partition: int
    log: Log | None
    stored: Stored | None
    missing: Gaps
    waiting: int

    @property
    def reached(self) -> int:
        """The offset after the last one that was stored or committed."""
        committed = self.log.committed if self.log is not None else None
        return max(self.stored.last + 1 if self.stored is not None else 0, committed or 0)


def incomplete(stored: Mapping[Place, Stored]) -> list[Place]:
    """The partitions with holes below their highest offset: those whose ranges are worth asking for."""
    return sorted(place for place, found in stored.items() if found.offsets != found.last + 1)


def newest_binding(name: str, known: Known) -> tuple[int, frozenset[str]]:
    """The newest log number of a topic with the topic ids bound to it; 0 for none."""
    return max(known.bindings.get(name, {}).items(), default=(0, frozenset()))


def accounts(kafka: Mapping[str, Topic], known: Known) -> Iterator[Account]:
    """The account of every partition that is in a bound log of Kafka or that something is stored of."""
    current: dict[Place, Log] = {}
    for name, topic in kafka.items():
        log_no, ids = newest_binding(name, known)
        if ids == {topic.topic_id}:
            current |= {place: _NOTHING for place in known.stored if place[:2] == (log_no, name)}
            current |= {(log_no, name, partition): log for partition, log in topic.logs.items()}
    for place in sorted(known.stored.keys() | current.keys(), key=lambda place: (place[1], place[0], place[2])):
        yield _account(place, current.get(place), known.stored.get(place), known.gaps.get(place, Gaps()))


_NOTHING = Log(0, 0, 0)
"""A partition that rows are stored of and that the topic does not have."""


def _account(place: Place, log: Log | None, stored: Stored | None, gaps: Gaps) -> Account:
    if log is None:
        return Account(*place, None, stored, gaps, 0)
    after = stored.last + 1 if stored is not None else 0
    reached = max(after, log.beginning, log.committed or 0)
    if reached > after:  # deleted from the log or committed, and not stored
        gaps = Gaps(gaps.offsets + reached - after, gaps.ranges + 1, (*gaps.first, (after, reached - 1)))
    return Account(*place, log, stored, gaps, max(0, log.end - reached))
