"""The edge to Kafka: the topic of seals, written and read again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, Producer, TopicPartition

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.audit.seals.copies import checkpoints_of, event_of
from services.domain.chain import Checkpoint
from services.runtime.errors import Retry
from services.runtime.kafka import reader, to_the_end
from services.runtime.settings import KafkaSettings

_ACKNOWLEDGED_SECONDS: Final = 20


@dataclass(frozen=True, slots=True)
class KafkaCopies:
    """The topic of seals, which keeps them for ever."""

    settings: KafkaSettings

    def keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Sends them, and returns when every in-sync replica has them. Raises `Retry`."""
        failures: list[str] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failures.append(str(error))

        producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "acks": "all",
                "enable.idempotence": self.settings.idempotent_producer,
                "log_level": 0,
            }
        )
        for checkpoint in checkpoints:
            subject = "/".join(map(str, checkpoint.place)).encode()
            producer.produce(
                topics.SEALS,
                key=subject,
                value=event_of(checkpoint),
                headers=[*STRUCTURED_HEADERS],
                on_delivery=delivered,
            )
        if producer.flush(_ACKNOWLEDGED_SECONDS) or failures:
            why = failures[0] if failures else "not acknowledged in time"
            raise Retry("Kafka", f"{topics.SEALS}: {why} (is the topic there? `frigjort topics`)")

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
