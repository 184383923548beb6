"""A log and a registry that grow together, in ClickHouse and for the reference model: what was recorded at any instant of both."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.domain.columns import Snapshot
from tests.integration.delivering import SENT_MS, Database, events_of, publish, snapshot_of
from tests.reference import load_registry, workload
from tests.reference.model import Fold, fold
from tests.reference.records import Records
from tests.reference.registry import Registry
from tests.reference.rows import row_of
from tests.reference.shapes import LogRecord

AUTHORITIES: Final = workload.authorities(4)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def moment(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def placed(messages: Iterable[workload.Message], chance: random.Random) -> list[LogRecord]:
    """These messages as logs of two partitions a topic, the second half of them in the next incarnation of the log; with gaps
    in the offsets, so that the broker's times of the partitions lie apart."""
    offsets: dict[tuple[int, str, int], int] = {}
    log = []
    listed = list(messages)
    for number, (topic, key, value, headers) in enumerate(listed):
        place = (1 + (2 * number > len(listed)), topic, chance.randrange(2))
        offsets[place] = offsets.get(place, number // 8 - 1) + 1
        log.append(LogRecord(*place, offsets[place], key, value, headers))
    return log


def told(among: Sequence[str], chance: random.Random, last_ms: int) -> list[dict[str, Any]]:
    """A registry's events over the time of the log: what goes with the workload, then moves to other sectors, newer versions
    and withdrawals; often several at one instant."""
    events = load_registry.registry(among)
    published = [event["data"] for event in events if event["type"].endswith("published.v1")]
    sectors = load_registry.SECTORS
    versions = dict.fromkeys(among, 1)
    for number in range(12):
        generation = len(events) + 1
        if number % 3 == 0:
            cvr = chance.choice(among)
            versions[cvr] += 1
            data = {"authority": cvr, "name": "Flyttet", "sector": chance.choice(sectors), "version": versions[cvr]}
            events.append(load_registry.registry_event("authority.registered", {**data, "generation": generation}))
        elif number % 3 == 1:
            old = chance.choice(published)
            data = {**old, "version": 10 + number, "mean_ms": chance.randrange(10**7), "generation": generation}
            data["cap_ms"] = chance.choice([None, 900_000])
            data = {name: value for name, value in data.items() if value is not None}
            events.append(load_registry.registry_event("baseline.published", data))
        else:
            old = chance.choice(published)
            data = {"baseline": old["baseline"], "version": old["version"], "reason": "wrong", "withdrawn_by": "x"}
            events.append(load_registry.registry_event("baseline.withdrawn", {**data, "generation": generation}))
    times = sorted(chance.choice([SENT_MS, chance.randrange(SENT_MS, last_ms)]) for _ in events)
    return [{**event, "time": moment(ms).isoformat()} for event, ms in zip(events, times, strict=True)]


def when(event: Mapping[str, Any]) -> int:
    """When a registry event was published, epoch milliseconds."""
    delta = datetime.fromisoformat(event["time"]) - _EPOCH
    return delta // timedelta(milliseconds=1)


@dataclass
class History:
    """A log and a registry, seeded."""

    seed: int
    messages: int = 3_000
    log: list[LogRecord] = field(init=False)
    events: list[dict[str, Any]] = field(init=False)
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        chance = random.Random(self.seed)
        self.log = placed(workload.messages(self.messages, self.seed, AUTHORITIES), chance)
        self.events = told(AUTHORITIES, chance, self.last_ms)
        self.records = Records(self.log)

    @property
    def last_ms(self) -> int:
        """The broker's time of the newest record."""
        return SENT_MS + max(record.offset for record in self.log)

    def registry(self, at_ms: int) -> Registry:
        """What had been published."""
        return Registry(event for event in self.events if when(event) <= at_ms)

    def snapshot(self, at_ms: int) -> Fold:
        """What the model comes to at an instant."""
        known = [record[:4] for record in self.log if SENT_MS + record.offset <= at_ms]
        return fold(self.records, self.registry(at_ms), known)

    def collector_at(self, generation: int) -> Snapshot:
        """The registry as a collector has it that has heard of no newer generation."""
        return snapshot_of(event for event in self.events if event["data"]["generation"] <= generation)

    def stored_in(self, database: Database, parts: int = 6) -> None:
        """Stores the registry, and the records in parts: each judged by a collector that knows more than the one before."""
        publish(database.client, events_of(self.events))
        size = -(-len(self.log) // parts)
        for part in range(parts):
            known = len(self.events) * (part + 1) // parts
            database.deliver(self.log[part * size : (part + 1) * size], self.collector_at(known))


def expected(states: Fold) -> dict[tuple[str, str], dict[str, Any]]:
    """The model's states as rows."""
    return dict(map(row_of, states.states()))
