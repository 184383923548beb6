"""The registry's edge to Kafka: topics and their settings, and the events of the registry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from contracts import topics
from services.runtime.errors import Retry
from services.runtime.kafka import KafkaMetadata, reader, tell, to_the_end
from services.runtime.settings import KafkaSettings

_TIMEOUT_SECONDS: Final = 20


@dataclass(slots=True)
class RegistryKafka:
    """Creates topics and publishes, one acknowledged event after another."""

    settings: KafkaSettings
    metadata: KafkaMetadata = field(init=False)

    def __post_init__(self) -> None:
        self.metadata = KafkaMetadata(self.settings)

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        """Creates the topics that do not exist. Raises `Retry`."""
        new = [
            NewTopic(name, partitions, self.settings.replication_factor, config=dict(config))
            for name, config in wanted.items()
        ]
        admin = AdminClient(
            {"bootstrap.servers": self.settings.bootstrap_servers, "log_level": 0}
        )  # held until the end
        for future in admin.create_topics(new, request_timeout=_TIMEOUT_SECONDS).values():
            try:
                future.result(_TIMEOUT_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise Retry("Kafka", f"create topics: {error}") from error

    def ensure_shared_topics(self) -> None:
        """The topics of the registry, of dead letters and of seals."""
        self.ensure_topics(
            {
                topics.BASELINES: topics.BASELINES_CONFIG,
                topics.REJECTED: topics.REJECTED_CONFIG,
                topics.SEALS: topics.SEALS_CONFIG,
            }
        )

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The topic id of each existing topic. Raises `Retry`."""
        wanted = set(names)
        found = self.metadata.topic_ids(wanted)
        if missing := sorted(wanted - found.keys()):
            raise Retry("Kafka", f"describe topics: {missing[0]} is not known")
        return found

    def told(self) -> list[bytes]:
        """Every registry event in the topic, in its order. Raises `Retry`."""
        consumer = reader(self.settings, "frigjort-registry-reader")
        consumer.assign([TopicPartition(topics.BASELINES, 0, OFFSET_BEGINNING)])
        try:
            return [message.value() or b"" for message in to_the_end(consumer, topics.BASELINES)]
        finally:
            consumer.close()

    def publish(self, events: Iterable[tuple[bytes, bytes]]) -> int:
        """Sends (key, structured event) pairs to the registry's topic in order; how many. Raises `Retry`."""
        return tell(self.settings, topics.BASELINES, events)
