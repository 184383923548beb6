"""Where to begin reading a partition, why not to read it, and whether it may still be read: pure decisions.

Invariant: after `Begin(offset)` every offset from the log's first to `offset - 1` has its row in `records`, which is written
last of all about a record, or is still in the log at or after `offset`; and what is read afterwards comes from that same
log. Whatever would break it is a `Halt`. It never guesses, and never resets to the end. What is stored is known by its
highest offset: holes below it are for `frigjort audit reconcile` to find.
"""

from dataclasses import dataclass, replace

from services.domain.conservation import ANEW
from services.runtime.errors import Halt


@dataclass(frozen=True, slots=True)
class Binding:
    """What the table `logs` says of a topic: the highest number, and every topic id bound to that number."""

    log_no: int
    topic_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """The highest `offset` of a partition in ClickHouse. `same_as_log`: the record `compared`, the last one whose digest is
    kept, was read again from Kafka and is the same; `None`: there is none, it is no longer in the log, or it was erased."""

    offset: int
    same_as_log: bool | None
    compared: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision rests on. `end` is the offset after the last record."""

    partition: str
    binding: Binding | None
    topic_id: str
    cleanup_policy: frozenset[str]
    committed: int | None
    beginning: int
    end: int
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class Begin:
    """Read from `offset` on, under `log_no`, which is the log that Kafka calls `topic_id`."""

    log_no: int
    topic_id: str
    offset: int


@dataclass(frozen=True, slots=True)
class Sight:
    """A partition that is read, and what Kafka says of it. It goes on being read while Kafka is asked: `read_before` is the
    next offset to read before the question, `read_after` after it. `topic_id` is empty when Kafka does not know the topic."""

    partition: str
    begun: Begin
    read_before: int
    read_after: int
    topic_id: str
    beginning: int
    end: int


def may_go_on(sight: Sight) -> Halt | None:
    """Whether the records that were read, and those to come, are those of the log that was begun; else why to halt."""
    if halt := same_log(sight.partition, sight.begun, sight.topic_id):
        return halt
    if sight.beginning > sight.read_after:
        return Halt(
            sight.partition,
            f"offsets {sight.read_after} to {sight.beginning - 1} were deleted from the log before they were read",
            f"restart the collector: it goes on if they were stored before; else {ANEW}, and keep the log for longer",
        )
    if sight.end < sight.read_before:
        return truncated(
            sight.partition, f"the log ends at {sight.end}, before offset {sight.read_before} that was read"
        )
    return None


def truncated(partition: str, reason: str) -> Halt:
    """Why to halt where a log ends before an offset that is known to have been in it."""
    return Halt(
        partition,
        reason,
        f"the log was truncated: restore it, or {ANEW}",
    )


def same_log(partition: str, begun: Begin, topic_id: str) -> Halt | None:
    """Whether Kafka still has the log that was begun under this name; else why to halt."""
    if topic_id == begun.topic_id:
        return None
    if not topic_id:
        return Halt(
            partition,
            "the topic is gone from Kafka",
            "restore it, or create it anew with `frigjort authorities rebind --cvr …`",
        )
    return Halt(
        partition,
        f"the topic was re-created: log {begun.log_no} is another incarnation of it",
        "bind the new incarnation: `frigjort authorities rebind --cvr …`",
    )


def decide(facts: Facts) -> Begin | Halt:
    """Where to begin, or why to halt."""
    binding = facts.binding
    if binding is None:
        return Halt(
            facts.partition,
            "no log number is bound to this topic",
            "register the authority: `frigjort authorities add --cvr … --name … --sector …`",
        )
    if len(binding.topic_ids) != 1:
        return Halt(
            facts.partition,
            f"log {binding.log_no} is bound to {len(binding.topic_ids)} topic ids",
            f"find out which of them has the records that are stored; then {ANEW}",
        )
    if "compact" in facts.cleanup_policy:
        return Halt(
            facts.partition,
            "refused: the topic is compacted, so its gaps cannot be told from loss",
            "set cleanup.policy=delete with your Kafka tools, then restart the collector",
        )
    begin = Begin(binding.log_no, binding.topic_ids[0], 0)
    return same_log(facts.partition, begin, facts.topic_id) or _decide_offset(facts, begin)


def _decide_offset(facts: Facts, log: Begin) -> Begin | Halt:
    next_unstored = 0 if facts.stored is None else facts.stored.offset + 1
    if facts.stored is not None and facts.stored.same_as_log is False:
        return Halt(
            facts.partition,
            f"offset {facts.stored.compared} in the log is not the record that was stored",
            f"the log was replaced under its topic id: find out by whom; then {ANEW}",
        )
    if facts.end < next_unstored or facts.end < (facts.committed or 0):
        reached = max(next_unstored, facts.committed or 0)
        return truncated(facts.partition, f"the log ends at {facts.end}, before offset {reached} that was reached")
    begin = facts.committed if facts.committed is not None else facts.beginning
    if begin > next_unstored:  # committed further than ClickHouse remembers, or the log begins later
        begin = facts.beginning
    if facts.beginning > min(begin, next_unstored):
        return Halt(
            facts.partition,
            f"offsets {min(begin, next_unstored)} to {facts.beginning - 1} are gone from the log, and not known to be stored",
            "if `frigjort audit reconcile` misses none of them, delete the committed offsets of this topic and restart; else "
            f"{ANEW}",
        )
    return replace(log, offset=begin)
