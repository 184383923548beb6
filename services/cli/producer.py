"""Sends events as a case system would: any Kafka producer does."""

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Producer

from contracts.reading import STRUCTURED_HEADERS
from services.runtime.errors import Retry
from services.runtime.settings import KafkaSettings


class Sender:
    """A producer that counts what the broker has acknowledged. Leaving the context waits for all of it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.sent = 0
        self.delivered = 0
        self._failure = ""
        self._producer = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "acks": "all",
                "enable.idempotence": kafka.idempotent_producer,
                "linger.ms": 20,
                "batch.size": 512 * 1024,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        left = self._producer.flush(60)
        if kind is None and (left or self._failure):
            raise Retry("Kafka", self._failure or f"{left} events were not acknowledged in time")

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]] = STRUCTURED_HEADERS,
    ) -> None:
        """Queues one record; waits while the queue is full."""
        self.sent += 1
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, headers=[*headers], on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        if self.sent % 1_000 == 0:
            self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, _: object) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failure = str(error)
