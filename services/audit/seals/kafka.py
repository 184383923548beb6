"""The edge to Kafka: the topic of seals, written and read again."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from contracts import topics
from services.audit.seals.copies import checkpoints_of, event_of
from services.domain.chain import Checkpoint
from services.runtime.kafka import reader, tell, to_the_end
from services.runtime.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class KafkaCopies:
    """The topic of seals, which keeps them for ever."""

    settings: KafkaSettings

    def keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Sends them, and returns when every in-sync replica has them. Raises `Retry`."""
        events = (("/".join(map(str, one.place)).encode(), event_of(one)) for one in checkpoints)
        tell(self.settings, topics.SEALS, events)

    def read(self) -> list[Checkpoint]:
        """All that are in it. Raises `Retry`, or `Misconfigured` for a record that is none."""
        consumer = reader(self.settings, "frigjort-seals-reader")
        try:
            consumer.assign([TopicPartition(topics.SEALS, 0, OFFSET_BEGINNING)])
            return list(
                checkpoints_of(topics.SEALS, (message.value() or b"" for message in to_the_end(consumer, topics.SEALS)))
            )
        finally:
            consumer.close()
