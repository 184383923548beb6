"""What Kafka says of topics and logs to who is no member of a group: names, ids, settings, offsets. Reads no record.

Needs the rights to describe topics, their configs and, for `committed`, the group; with the embedded broker also to read.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec, ResourceType  # type: ignore[attr-defined]

from contracts.reading import STRUCTURED_HEADERS
from services.runtime.errors import Retry
from services.runtime.settings import KafkaSettings

Partition = tuple[str, int]
"""Topic and number."""
_NUL: Final = "\0"
_REQUEST_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 10
_POLL_SECONDS: Final = 10


_ACKNOWLEDGED_SECONDS: Final = 20


def commit_metadata(topic_id: str) -> str:
    """What a commit says beside the offset: the log that it counts for. The NUL ends it: whoever reads it with this library gets
    what follows in memory too, since it takes for a C string what has a length."""
    return topic_id + _NUL


class KafkaMetadata:
    """Everything here raises `Retry` when Kafka does not answer."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._admin = AdminClient({"bootstrap.servers": settings.bootstrap_servers, "log_level": 0})

    def partitions(self) -> dict[str, int]:
        """The topics that exist, with their number of partitions."""
        try:
            found = self._admin.list_topics(timeout=_REQUEST_SECONDS).topics
        except KafkaException as error:
            raise Retry("Kafka", f"list topics: {error.args[0].str()}") from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def topic_ids(self, names: Collection[str]) -> dict[str, str]:
        """The topic id of each of these topics that exists."""
        if not names:
            return {}
        asked = self._admin.describe_topics(TopicCollection(sorted(names)), request_timeout=_REQUEST_SECONDS)
        return {name: str(topic.topic_id) for name, topic in self._answers("describe topics", asked).items()}

    def configs(self, names: Collection[str]) -> dict[str, dict[str, str]]:
        """The settings of each of these topics that exists, by name and setting."""
        if not names:
            return {}
        wanted = [ConfigResource(ResourceType.TOPIC, name) for name in sorted(names)]
        asked = self._admin.describe_configs(wanted, request_timeout=_REQUEST_SECONDS)
        return {
            resource.name: {key: str(entry.value) for key, entry in config.items()}
            for resource, config in self._answers("describe configs", asked).items()
        }

    def cleanup_policies(self, names: Collection[str]) -> dict[str, frozenset[str]]:
        """What `cleanup.policy` of each of these topics that exists consists of; a broker that says nothing deletes."""
        return {
            name: frozenset(part.strip() for part in config.get("cleanup.policy", "delete").split(","))
            for name, config in self.configs(names).items()
        }

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The first offset of each log."""
        return self._offsets(partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The offset after the last record of each log."""
        listed = self._offsets(partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return listed if self._settings.exact_end_offsets else {**listed, **self._high_watermarks(listed)}

    def stable_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The first offset of the oldest open transaction of each log, where there is one, else its end, asked anew. The
        embedded broker keeps records of transactions like any others."""
        if not self._settings.exact_end_offsets:
            return self.ends(partitions)
        newest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        return self._offsets(partitions, newest, IsolationLevel.READ_COMMITTED)

    def committed(self, group: str, partitions: Collection[Partition]) -> dict[Partition, int]:
        """The next offset that a consumer group committed, of the partitions where it committed any for the log that has the
        topic's name today: a commit names its log by the topic id in its metadata. One without it, or of a topic that was
        re-created since, counts for nothing. The embedded broker keeps no metadata; it forgets its logs at a restart."""
        if not partitions:
            return {}
        by_name = self._settings.commit_metadata
        ids = self.topic_ids({topic for topic, _ in partitions}) if by_name else {}
        consumer = reader(self._settings, group)
        try:
            found = consumer.committed([TopicPartition(*place) for place in sorted(partitions)], _ANSWER_SECONDS)
        except KafkaException as error:
            raise Retry("Kafka", f"committed offsets: {error.args[0].str()}") from error
        finally:
            consumer.close()
        for partition in found:
            if partition.error is not None:
                raise Retry("Kafka", f"committed offsets of {partition.topic}: {partition.error.str()}")
        return {
            (each.topic, each.partition): each.offset
            for each in found
            if each.offset >= 0 and (not by_name or _names(each, ids.get(each.topic, "no such topic")))
        }

    def _offsets(
        self,
        partitions: Collection[Partition],
        spec: OffsetSpec,
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[Partition, int]:
        if not partitions:
            return {}
        asked = self._admin.list_offsets(
            {TopicPartition(*place): spec for place in sorted(partitions)},
            isolation_level=isolation,
            request_timeout=_REQUEST_SECONDS,
        )
        answers = self._answers("list offsets", asked)
        return {(place.topic, place.partition): int(found.offset) for place, found in answers.items()}

    def _high_watermarks(self, listed: Mapping[Partition, int]) -> dict[Partition, int]:
        """The ends by what a fetch of the last batch says: the embedded broker lists the first offset of that batch + 1."""
        awaited = {place for place, end in listed.items() if end > 0}
        if not awaited:
            return {}
        consumer = reader(self._settings, "frigjort-high-watermarks")
        found: dict[Partition, int] = {}
        try:
            consumer.assign([TopicPartition(*place, listed[place] - 1) for place in sorted(awaited)])
            while awaited:
                message = consumer.poll(_ANSWER_SECONDS)
                problem = message.error() if message is not None else None
                if message is None or (problem is not None and problem.code() != KafkaError._PARTITION_EOF):  # noqa: SLF001 - its public name
                    raise Retry("Kafka", f"high watermarks: {problem or 'no answer'}")
                place = (str(message.topic()), int(message.partition() or 0))
                awaited.discard(place)
                found[place] = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1]
        finally:
            consumer.close()
        return found

    def _answers(self, question: str, asked: Mapping[Any, Future[Any]]) -> dict[Any, Any]:
        """What came, without topics that do not exist (any more)."""
        found: dict[Any, Any] = {}
        try:
            for key, future in asked.items():
                try:
                    found[key] = future.result(_ANSWER_SECONDS)
                except KafkaException as error:
                    if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise
        except (KafkaException, TimeoutError) as error:
            self._look_around()
            raise Retry("Kafka", f"{question}: {error}") from error
        return found

    def _look_around(self) -> None:
        """Learns anew which brokers there are. By itself the client goes on waiting for the one that it took for the
        controller, also when that one is gone for good."""
        with suppress(KafkaException):
            self._admin.list_topics(timeout=_REQUEST_SECONDS)


def reader(settings: KafkaSettings, group: str) -> Consumer:
    """A consumer that neither joins its group nor commits to it, and says when it has come to the end of a partition."""
    return Consumer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
        }
    )


def tell(settings: KafkaSettings, topic: str, events: Iterable[tuple[bytes, bytes]]) -> int:
    """Sends (key, structured event) pairs in their order, and returns how many when every in-sync replica has them. Raises
    `Retry`."""
    failures: list[str] = []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            failures.append(str(error))

    producer = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "acks": "all",
            "enable.idempotence": settings.idempotent_producer,
            "max.in.flight.requests.per.connection": 1,
            "log_level": 0,
        }
    )
    count = 0
    for key, value in events:
        producer.produce(topic, value=value, key=key, headers=[*STRUCTURED_HEADERS], on_delivery=delivered)
        count += 1
    if producer.flush(_ACKNOWLEDGED_SECONDS) or failures:
        why = failures[0] if failures else "not acknowledged in time"
        raise Retry("Kafka", f"{topic}: {why} (is the topic there? `frigjort topics`)")
    return count


def to_the_end(consumer: Consumer, topic: str) -> Iterator[Message]:
    """The records of the one partition of `topic` that a `reader` was assigned, to the end of its log. Raises `Retry`."""
    while True:
        message = consumer.poll(_POLL_SECONDS)
        problem = message.error() if message is not None else None
        if problem is not None and problem.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            return
        if message is None or problem is not None:
            raise Retry("Kafka", f"read {topic}: {problem or 'no answer'}")
        yield message


def _names(commit: TopicPartition, topic_id: str) -> bool:
    """Whether a commit is one for this log. Of a foreign one the text may be anything."""
    try:
        return bool(commit.metadata == topic_id)
    except UnicodeDecodeError:
        return False
