"""The registry's edge to Kafka: topics and their settings, and the events of the registry."""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from contracts import topics
from contracts.reading import STRUCTURED
from services.runtime.errors import Retry
from services.runtime.settings import KafkaSettings

_TIMEOUT_SECONDS: Final = 20


@dataclass(slots=True)
class RegistryKafka:
    """Creates topics and publishes, one acknowledged event after another."""

    settings: KafkaSettings

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        """Creates the topics that do not exist. Raises `Retry`."""
        new = [
            NewTopic(name, partitions, self.settings.replication_factor, config=dict(config))
            for name, config in wanted.items()
        ]
        admin = self._admin()  # held until its answers have come
        for future in admin.create_topics(new, request_timeout=_TIMEOUT_SECONDS).values():
            try:
                future.result(_TIMEOUT_SECONDS)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise Retry("Kafka", f"create topics: {error}") from error

    def ensure_shared_topics(self) -> None:
        """The registry's topic and the dead letters'."""
        self.ensure_topics({topics.BASELINES: topics.BASELINES_CONFIG, topics.REJECTED: topics.REJECTED_CONFIG})

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The topic id of each existing topic. Raises `Retry`."""
        admin = self._admin()  # held until its answers have come
        described: dict[str, Future[Any]] = admin.describe_topics(TopicCollection(sorted(names)))
        try:
            return {name: str(future.result(_TIMEOUT_SECONDS).topic_id) for name, future in described.items()}
        except KafkaException as error:
            raise Retry("Kafka", f"describe topics: {error}") from error

    def publish(self, events: Iterable[tuple[bytes, bytes]]) -> int:
        """Sends (key, structured event) pairs to the registry's topic in order; how many. Raises `Retry`."""
        failures: list[str] = []

        def delivered(error: KafkaError | None, _: object) -> None:
            if error is not None:
                failures.append(str(error))

        producer = Producer(
            {
                "bootstrap.servers": self.settings.bootstrap_servers,
                "acks": "all",
                "enable.idempotence": self.settings.idempotent_producer,
                "max.in.flight.requests.per.connection": 1,
                "log_level": 0,
            }
        )
        count = 0
        for key, value in events:
            producer.produce(topics.BASELINES, value=value, key=key, headers=[("content-type", STRUCTURED.encode())],
                             on_delivery=delivered)  # fmt: skip
            count += 1
        if producer.flush(_TIMEOUT_SECONDS) or failures:
            raise Retry("Kafka", f"publish: {failures[0] if failures else 'not acknowledged in time'}")
        return count

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.settings.bootstrap_servers, "log_level": 0})
