"""What the logs of the input topics are, in the order in which it must be asked. Reads no record."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from contracts import topics
from services.domain.accounts import Log, Topic
from services.runtime.kafka import Partition


class Metadata(Protocol):
    """What is needed of `services.runtime.kafka.KafkaMetadata`. Raises `Retry`."""

    def partitions(self) -> dict[str, int]:
        """The topics that exist, with their number of partitions."""

    def topic_ids(self, names: Collection[str]) -> dict[str, str]:
        """The incarnation of each topic."""

    def cleanup_policies(self, names: Collection[str]) -> dict[str, frozenset[str]]:
        """How each topic is cleaned."""

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The first offset of each log."""

    def committed(self, group: str, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The next offset that a group committed."""

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset after the last record of each log."""

    def stable_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The same for readers of committed transactions."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is asked before ClickHouse is: whatever was committed or deleted by then must be stored."""

    ids: dict[str, str]
    policies: dict[str, frozenset[str]]
    partitions: list[Partition]
    beginnings: dict[Partition, int]
    committed: dict[Partition, int]


@dataclass(frozen=True, slots=True)
class InputLogs:
    """The input topics, and the offsets that the collectors' consumer group committed. Raises `Retry`."""

    metadata: Metadata
    group: str

    def before(self, only: Collection[str] | None = None) -> Before:
        """Topics and what must be stored of them; of all input topics or these."""
        counts = {
            name: count
            for name, count in self.metadata.partitions().items()
            if name.startswith(topics.TASKS_PREFIX) and (only is None or name in only)
        }
        partitions = [(name, number) for name, count in sorted(counts.items()) for number in range(count)]
        return Before(
            self.metadata.topic_ids(counts),
            self.metadata.cleanup_policies(counts),
            partitions,
            self.metadata.beginnings(partitions),
            self.metadata.committed(self.group, partitions),
        )

    def after(self, before: Before) -> dict[str, Topic]:
        """The topics with their ends: whatever was stored before lies below them. A topic that is gone by now is left out."""
        ends = self.metadata.ends(before.partitions)
        # Asked after the ends: then only an open transaction keeps it below one.
        stable = self.metadata.stable_ends(before.partitions)
        known = before.beginnings.keys() & ends.keys() & stable.keys()
        return {
            name: Topic(
                topic_id,
                before.policies[name],
                {
                    place[1]: Log(before.beginnings[place], ends[place], stable[place], before.committed.get(place))
                    for place in sorted(known)
                    if place[0] == name
                },
            )
            for name, topic_id in before.ids.items()
            if name in before.policies
        }
