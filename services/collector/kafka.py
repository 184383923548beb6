"""The collector's edge to Kafka: the FastStream subscriber, offsets, topic ids, dead letters.

What FastStream is used for: the subscription by pattern, the polling loop, batches of raw records. What is not left to
it: decoding (an invalid header would drop a whole batch), acknowledging (`ack` commits what is not stored yet) and the
place to begin (`assignment.decide`).
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from time import time as clock  # noqa: TID251 - an edge: aiokafka's timestamps are wall time
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetOutOfRangeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber

from contracts import topics
from contracts.reading import STRUCTURED_HEADERS
from services.collector.pipeline import DeadLetter
from services.collector.settings import CollectorSettings
from services.runtime.errors import Retry
from services.runtime.kafka import KafkaMetadata, commit_metadata
from services.runtime.settings import KafkaSettings

_PATTERN: Final = r"^frigjort\.tasks\.v1\.[1-9][0-9]+$"
_PROBE_SECONDS: Final = 5.0
_REQUEST_TIMEOUT_MS: Final = 10_000
"""How long a request may stay without an answer before its connection is given up: a network that swallows everything says
nothing. Joining the group waits for the others, who store what they have read before they join."""
_log = structlog.get_logger()


async def _raw(message: Any) -> Any:
    """A parser that reads nothing: the records themselves are the message."""
    return KafkaMessage(
        body=message,
        raw_message=message,
        headers={},
        message_id="batch",
        correlation_id="batch",
        consumer=FAKE_CONSUMER,
    )


async def _undecoded(message: Any) -> Any:
    return message.body


class Subscription:
    """The subscription of this collector to every authority's topic."""

    def __init__(self, kafka: KafkaSettings, settings: CollectorSettings) -> None:
        self._bootstrap_servers = kafka.bootstrap_servers
        self._settings = settings
        self._subscriber: BatchSubscriber | None = None
        self.broker = KafkaBroker(
            kafka.bootstrap_servers.split(","),  # in one text FastStream sees one host
            apply_types=False,
            logger=None,
            client_id="frigjort-collector",
            metadata_max_age_ms=settings.metadata_max_age_ms,
            request_timeout_ms=_REQUEST_TIMEOUT_MS + int(settings.drain_seconds * 500),
        )

    def open(self, listener: ConsumerRebalanceListener, handle: Callable[[Sequence[ConsumerRecord]], None]) -> None:
        """Subscribes. `handle` gets every polled batch; it must only take the records and never raise."""
        settings = self._settings
        self._subscriber = self.broker.subscriber(
            pattern=_PATTERN,
            batch=True,
            batch_timeout_ms=settings.poll_interval_ms,
            max_records=settings.flush_rows,
            group_id=settings.group_id,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="none",
            listener=listener,
            parser=_raw,
            decoder=_undecoded,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=min(3_000, settings.session_timeout_ms // 3),
            max_poll_interval_ms=300_000,
            isolation_level="read_committed",
            fetch_max_bytes=16 * 1024 * 1024,
            max_partition_fetch_bytes=8 * 1024 * 1024,
        )

        async def take(records: Any) -> None:
            handle(records)

        self._subscriber(take)

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer inside, once started."""
        consumer = self._subscriber.consumer if self._subscriber is not None else None
        if consumer is None:
            raise Retry("Kafka", "the consumer is not started")
        return consumer

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Commits the next offset to read of each partition, with the topic id of the log that was read: a commit that comes
        after the topic was re-created says nothing of the new log. Raises `Retry`; a partition that is not ours any more is
        left alone."""
        ours = {partition: named for partition, named in offsets.items() if partition in self.consumer.assignment()}
        if not ours:
            return
        try:
            await self.consumer.commit({p: (offset, commit_metadata(log)) for p, (offset, log) in ours.items()})
        except (IllegalStateError, CommitFailedError):  # revoked meanwhile: its next owner begins at what was committed
            _log.info("commit_skipped", reason="the group was rebalanced")
        except KafkaError as error:
            raise Retry("Kafka", f"commit: {error}") from error

    def seconds_since_poll(self, partitions: Collection[TopicPartition]) -> float:
        """Seconds since one of these was last polled; 0 if there are none or nothing was polled yet."""
        stamps: list[int] = [
            self.consumer.last_poll_timestamp(p) or 0 for p in partitions if p in self.consumer.assignment()
        ]
        newest = max(stamps, default=0)
        return max(0.0, clock() - newest / 1000) if newest else 0.0

    async def ends(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition. Raises `Retry`.

        The broker is asked, since what the last fetch said is old while a partition is paused; and what the last fetch
        said counts too, since a broker may list the end too low.
        """
        if not partitions:
            return {}
        try:
            listed: dict[TopicPartition, int] = await self.consumer.end_offsets(partitions)
        except (KafkaError, IllegalStateError) as error:
            raise Retry("Kafka", f"end offsets: {error}") from error
        ours = self.consumer.assignment()
        fetched = {p: self.consumer.highwater(p) or 0 for p in partitions if p in ours}
        return {partition: max(end, fetched.get(partition, 0)) for partition, end in listed.items()}

    async def ranges(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """Beginning and end offset of each partition. Raises `Retry`."""
        try:
            beginnings = await self.consumer.beginning_offsets(partitions)
            ends = await self.consumer.end_offsets(partitions)
        except (KafkaError, IllegalStateError) as error:
            raise Retry("Kafka", f"offsets: {error}") from error
        return {partition: (beginnings[partition], ends[partition]) for partition in partitions}

    async def read_each(self, offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, ConsumerRecord]:
        """The record at one offset of each partition, by one consumer outside the group; without those that do not come in
        time. Raises `Retry`."""
        found: dict[TopicPartition, ConsumerRecord] = {}
        if not offsets:
            return found
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="none",
            group_id=None,
            max_partition_fetch_bytes=64 * 1024,
        )
        try:
            await consumer.start()
            consumer.assign(list(offsets))
            for partition, offset in offsets.items():
                consumer.seek(partition, offset)
            deadline = monotonic() + _PROBE_SECONDS
            awaited = set(offsets)
            while awaited and (left := deadline - monotonic()) > 0:
                try:
                    arrived = await consumer.getmany(*awaited, timeout_ms=int(left * 1000) + 1)
                except OffsetOutOfRangeError as error:
                    awaited -= set(error.args[0])
                    continue
                for partition, records in arrived.items():
                    awaited.discard(partition)
                    consumer.pause(partition)
                    if records[0].offset == offsets[partition]:
                        found[partition] = records[0]
        except KafkaError as error:
            raise Retry("Kafka", f"read records again: {error}") from error
        finally:
            await consumer.stop()
        return found


@dataclass(frozen=True, slots=True)
class Topics:
    """What is to be known of topics and logs and aiokafka does not say. Raises `Retry`."""

    metadata: KafkaMetadata

    async def ids(self, names: set[str]) -> dict[str, str]:
        """The topic id, hence the incarnation, of each name that Kafka knows."""
        return await asyncio.to_thread(self.metadata.topic_ids, names)

    async def cleanup_policies(self, names: set[str]) -> dict[str, frozenset[str]]:
        """What `cleanup.policy` of each name that Kafka knows consists of."""
        return await asyncio.to_thread(self.metadata.cleanup_policies, names)

    async def committed(self, group: str, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """What the group has committed of the logs that have these names today."""
        found = await asyncio.to_thread(self.metadata.committed, group, partitions)
        return {TopicPartition(*place): offset for place, offset in found.items()}

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The offset after the last record of each log, also where a broker lists it too low."""
        found = await asyncio.to_thread(self.metadata.ends, partitions)
        return {TopicPartition(*place): end for place, end in found.items()}


class KafkaDeadLetters:
    """`DeadLetters` over one producer that waits for every in-sync replica.

    An idempotent producer that lost its sequence fails for ever, so one that failed is replaced by the next attempt.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> AIOKafkaProducer:
        """The connected producer. Raises `Retry`."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._kafka.bootstrap_servers,
                acks="all",
                enable_idempotence=self._kafka.idempotent_producer,
                compression_type="lz4",
                linger_ms=5,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
                client_id="frigjort-collector",
            )
            try:
                await producer.start()
            except KafkaError as error:
                await producer.stop()
                raise Retry("Kafka", f"producer: {error}") from error
            self._producer = producer
        return self._producer

    async def stop(self) -> None:
        """Sends what is left and disconnects."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):  # what it could not send is sent again by the next attempt
                await producer.stop()

    async def send(self, letters: Sequence[DeadLetter]) -> None:
        """Sends them in order and waits for every acknowledgement. Raises `Retry`."""
        if not letters:
            return
        producer = await self.start()
        try:
            pending = [
                await producer.send(
                    topics.REJECTED,
                    key=letter.key,
                    value=letter.value,
                    headers=[*STRUCTURED_HEADERS],  # a list: the client takes no other sequence
                )
                for letter in letters
            ]
            results = await asyncio.gather(*pending, return_exceptions=True)
            if failure := next((result for result in results if isinstance(result, BaseException)), None):
                raise failure
        except KafkaError as error:
            await self.stop()
            raise Retry("Kafka", f"dead letters: {error}") from error
