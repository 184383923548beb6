"""Where to begin reading a partition, or why not to read it: a pure decision.

Invariant: after `Begin(offset)` every offset from the log's first to `offset - 1` has its row in `records`, or is still in
the log at or after `offset`. Whatever would break it is a `Halt`. It never guesses, and never resets to the end.
"""

from dataclasses import dataclass

from services.runtime.errors import Halt


@dataclass(frozen=True, slots=True)
class Binding:
    """What the table `logs` says of a topic: the highest number, and every topic id bound to that number."""

    log_no: int
    topic_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """The last record of a partition in ClickHouse. `same_as_log`: read again from Kafka; `None`: no longer there."""

    offset: int
    same_as_log: bool | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision rests on. `end` is the offset after the last record."""

    partition: str
    binding: Binding | None
    topic_id: str
    committed: int | None
    beginning: int
    end: int
    stored: Stored | None


@dataclass(frozen=True, slots=True)
class Begin:
    """Read from `offset` on, under `log_no`."""

    log_no: int
    offset: int


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
            "bind the topic under a new log number: `frigjort authorities rebind --cvr …`",
        )
    if binding.topic_ids[0] != facts.topic_id:
        return Halt(
            facts.partition,
            f"the topic was re-created: log {binding.log_no} is another incarnation of it",
            "bind the new incarnation: `frigjort authorities rebind --cvr …`",
        )
    return _decide_offset(facts, binding.log_no)


def _decide_offset(facts: Facts, log_no: int) -> Begin | Halt:
    next_unstored = 0 if facts.stored is None else facts.stored.offset + 1
    if facts.stored is not None and facts.stored.same_as_log is False:
        return Halt(
            facts.partition,
            f"offset {facts.stored.offset} in the log is not the record that was stored",
            "the log was replaced under its topic id: find out by whom, then `frigjort authorities rebind --cvr …`",
        )
    if facts.end < next_unstored or facts.end < (facts.committed or 0):
        return Halt(
            facts.partition,
            f"the log ends at {facts.end}, before offset {max(next_unstored, facts.committed or 0)} that was reached",
            "the log was truncated: restore it, or `frigjort authorities rebind --cvr …` and have the source send again",
        )
    begin = facts.committed if facts.committed is not None else facts.beginning
    if begin > next_unstored:  # committed further than ClickHouse remembers, or the log begins later
        begin = facts.beginning
    if facts.beginning > min(begin, next_unstored):
        return Halt(
            facts.partition,
            f"offsets {min(begin, next_unstored)} to {facts.beginning - 1} are gone from the log and were never stored",
            "restore them from the source, then `frigjort authorities rebind --cvr …`",
        )
    return Begin(log_no, begin)
