"""A healthy installation is never reported as unwhole, although everything moves between one question and the next."""

import random
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from contracts import topics
from services.audit.reconciliation.logs import InputLogs
from services.audit.reconciliation.reconcile import Reconciliation
from services.domain.accounts import Gaps, Known, Stored
from services.domain.conservation import Report, Verdict
from services.runtime.kafka import Partition

TOPIC = topics.tasks_topic("10000009")
PLACE = (TOPIC, 0)


class NothingMore(random.Random):
    """Nothing more is stored, committed or deleted."""

    def randint(self, a: int, b: int) -> int:  # noqa: ARG002
        return a


@dataclass
class MovingWorld:
    """Kafka and ClickHouse: before each answer sources send, the collector stores and commits, and retention deletes."""

    chance: random.Random
    beginning: int = 0
    committed_offset: int = 0
    stored: int = 0
    end: int = 0
    asked: list[str] = field(default_factory=list)

    def _move(self, question: str) -> None:
        self.asked.append(question)
        self.end += self.chance.randrange(4)
        self.stored += self.chance.randint(0, self.end - self.stored)
        self.committed_offset += self.chance.randint(0, self.stored - self.committed_offset)
        self.beginning += self.chance.randint(0, self.committed_offset - self.beginning)

    def partitions(self) -> dict[str, int]:
        self._move("partitions")
        return {TOPIC: 1, topics.BASELINES: 1}

    def topic_ids(self, names: Collection[str]) -> dict[str, str]:
        self._move("topic ids")
        return dict.fromkeys(names, "id")

    def cleanup_policies(self, names: Collection[str]) -> dict[str, frozenset[str]]:
        self._move("policies")
        return dict.fromkeys(names, frozenset({"delete"}))

    def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        self._move("beginnings")
        return dict.fromkeys(partitions, self.beginning)

    def committed(self, group: str, partitions: Collection[Partition]) -> dict[Partition, int]:
        self._move(f"committed by {group}")
        return dict.fromkeys(partitions, self.committed_offset) if self.committed_offset else {}

    def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        self._move("ends")
        return dict.fromkeys(partitions, self.end)

    def stable_ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        self._move("stable ends")
        return dict.fromkeys(partitions, self.end)

    def known(self, only: Collection[str] | None = None) -> Known:
        self._move(f"stored of {only}")
        stored = {(1, TOPIC, 0): Stored(0, self.stored - 1, self.stored, 0, ids=self.stored)} if self.stored else {}
        return Known(frozenset(), {TOPIC: {1: frozenset({"id"})}}, stored, {})


def run(world: MovingWorld) -> Report:
    return Reconciliation(InputLogs(world, "group"), world).run()


@pytest.mark.parametrize("seed", range(20))
def test_a_healthy_installation_is_whole_at_every_moment(seed: int) -> None:
    world = MovingWorld(random.Random(seed))
    verdicts = {run(world).verdict for _ in range(20)}
    assert verdicts <= {Verdict.WHOLE, Verdict.WAITING}
    assert world.end > 50


def test_what_is_lost_meanwhile_is_found_the_next_time() -> None:
    world = MovingWorld(random.Random(1))
    run(world)
    world.stored = world.committed_offset - 1  # somebody removed the newest row
    world.chance = NothingMore()
    (account,) = run(world).accounts
    assert account.missing == Gaps(1, 1, ((world.committed_offset - 1, world.committed_offset - 1),))
