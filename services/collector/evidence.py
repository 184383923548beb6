"""Gathers what the decisions of `assignment` rest on, from Kafka and ClickHouse. Everything here raises `Retry`."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import ConsumerRecord, TopicPartition

from contracts import topics
from contracts.codes import Violation
from contracts.identifiers import is_cvr
from contracts.reading import Record, read
from services.collector.assignment import Begin, Binding, Facts, Sight, Stored, same_log
from services.collector.clickhouse import ClickHouseStore, Proof, Reached
from services.collector.kafka import Subscription, Topics
from services.collector.partitions import Running, name_of
from services.domain import provenance
from services.runtime.errors import Halt


@dataclass(frozen=True, slots=True)
class Evidence:
    """What Kafka and ClickHouse say of partitions."""

    store: ClickHouseStore
    subscription: Subscription
    topics: Topics
    group_id: str

    async def facts(self, assigned: list[TopicPartition]) -> dict[TopicPartition, Facts]:
        """What `decide` needs to know of each partition."""
        names = {partition.topic for partition in assigned if is_cvr(topics.authority_of(partition.topic))}
        ids = await self.topics.ids(names)
        policies = await self.topics.cleanup_policies(names)
        bindings = await self.store.bindings(names)
        # Committed before stored: whoever had the partition until now stores first and commits then.
        committed = await self.topics.committed(self.group_id, assigned)
        ranges = await self.subscription.ranges(assigned)
        reached = await self.store.reached((binding.log_no, topic) for topic, binding in bindings.items())
        beginnings = {partition: beginning for partition, (beginning, _) in ranges.items()}
        stored = await self._stored(bindings, {p: reached[p] for p in assigned if p in reached}, beginnings)
        least = {
            partition: max(committed.get(partition, 0), stored[partition].offset + 1 if partition in stored else 0)
            for partition in assigned
        }
        ends = await self._ends({partition: end for partition, (_, end) in ranges.items()}, least)
        return {
            partition: Facts(
                partition=name_of(partition),
                binding=bindings.get(partition.topic),
                topic_id=ids.get(partition.topic, ""),
                cleanup_policy=policies.get(partition.topic, frozenset()),
                committed=committed.get(partition),
                beginning=beginnings[partition],
                end=ends[partition],
                stored=stored.get(partition),
            )
            for partition in assigned
        }

    async def sights(self, running: Mapping[TopicPartition, Running]) -> dict[TopicPartition, Sight]:
        """What `may_go_on` needs to know of each partition that is read."""
        before = {partition: state.next_offset for partition, state in running.items()}
        ranges = await self.subscription.ranges(list(running))
        ids = await self.topics.ids({partition.topic for partition in running})
        ends = await self._ends({partition: end for partition, (_, end) in ranges.items()}, before)
        return {
            partition: Sight(
                partition=name_of(partition),
                begun=running[partition].begun,
                read_before=before[partition],
                read_after=running[partition].next_offset,
                topic_id=ids.get(partition.topic, ""),
                beginning=beginning,
                end=ends[partition],
            )
            for partition, (beginning, _) in ranges.items()
        }

    async def strangers(self, logs: Mapping[TopicPartition, Begin]) -> dict[TopicPartition, Halt]:
        """Those of these partitions whose topic is not the log that was begun any more, each with why to halt.

        Asked *after* records were read, this says from which log they came: a topic id never comes back.
        """
        ids = await self.topics.ids({partition.topic for partition in logs})
        halts = {p: same_log(name_of(p), begun, ids.get(p.topic, "")) for p, begun in logs.items()}
        return {partition: halt for partition, halt in halts.items() if halt is not None}

    async def _ends(
        self, listed: Mapping[TopicPartition, int], reached: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, int]:
        """The ends of the logs: those that lie below what was reached are asked for in the way that never lists too low."""
        doubtful = [partition for partition, end in listed.items() if end < reached[partition]]
        return {**listed, **(await self.topics.ends(doubtful) if doubtful else {})}

    async def _stored(
        self,
        bindings: Mapping[str, Binding],
        reached: Mapping[TopicPartition, Reached],
        beginnings: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, Stored]:
        """How far each partition is stored, and whether its last accepted record is still the one in the log: of a refused
        one nothing was kept to compare with, and of one that was erased nothing is left."""
        compared = {
            partition: known.last_accepted
            for partition, known in reached.items()
            if known.last_accepted is not None and known.last_accepted >= beginnings[partition]
        }
        records = await self.subscription.read_each(compared)
        proofs = await self.store.proofs(
            (bindings[p.topic].log_no, p.topic, p.partition, record.offset) for p, record in records.items()
        )
        return {
            partition: Stored(
                known.last,
                _same(records[partition], proofs[partition])
                if partition in records and proofs[partition].salt
                else None,
                compared.get(partition),
            )
            for partition, known in reached.items()
        }


def _same(record: ConsumerRecord, proof: Proof) -> bool:
    try:
        payload = read(Record(record.topic, record.key, tuple(record.headers), record.value)).payload
    except Violation:
        return False
    return provenance.matches(proof.salt, payload, proof.digest)
