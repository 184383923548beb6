"""One fault after another, drawn by lot: each is done to a running world and undone again."""

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.runtime.processes import Child
from tests.faults.collector import STEPS
from tests.faults.proxy import Behaviour, Proxy, http_error
from tests.faults.world import World

STEADY = "steady"
"""The collector that is never ended, so that its memory can be watched."""
OTHERS = ("b", "c")


@dataclass
class Mischief:
    """What can be done to a world of several brokers; `all` names it."""

    world: World
    chance: random.Random
    percent: int = 100
    cvrs: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Three collectors, one of which stays."""
        for name in (STEADY, *OTHERS):
            self.world.collector(name, COLLECTOR_FLUSH_ROWS="5000")

    def _start(self, name: str, **environment: str) -> Child:
        return self.world.collector(name, wait=False, COLLECTOR_FLUSH_ROWS="5000", **environment)

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self.chance.uniform(least, most))

    # -- collectors -------------------------------------------------------------------------------------------------------

    def kill_a_collector(self) -> None:
        """kill -9 at any moment."""
        name = self.chance.choice(OTHERS)
        self.world.collectors[name].kill()
        self._start(name)

    def kill_at_a_step(self) -> None:
        """kill -9 before or after a step of the path."""
        self._start(self._killed_at_a_step())

    def _killed_at_a_step(self) -> str:
        name = self.chance.choice(OTHERS)
        self.world.collectors[name].stop()
        where = f"{self.chance.choice(['before', 'after'])}:{self.chance.choice(STEPS)}:{self.chance.randrange(1, 6)}"
        doomed = self._start(name, FAULT_KILL=where)
        deadline = time.monotonic() + 30  # it may get no partition, hence no batch
        while doomed.exit_code is None and time.monotonic() < deadline:
            time.sleep(0.2)
        doomed.kill()
        return name

    def publish_before_the_replay(self) -> None:
        """New baselines between a death at a step and the replay."""
        name = self._killed_at_a_step()
        self._publish()
        self._start(name)

    def jump_a_clock(self) -> None:
        """A collector whose wall clock jumps, until it is ended by another fault."""
        name = self.chance.choice(OTHERS)
        self.world.collectors[name].stop()
        self._start(name, FAULT_CLOCK=self.chance.choice(["3600", "-86400"]))
        self._pause(10, 15)

    def run_an_older_version(self) -> None:
        """An older release beside the others reads all partitions from where it stood, refuses a seventh, and is killed."""
        older = self._start("older", FAULT_RULES="0", COLLECTOR_GROUP_ID="older-version")
        self._pause(8, 20)
        older.kill()

    def stop_and_start(self) -> None:
        """An orderly end, and a start."""
        name = self.chance.choice(OTHERS)
        self.world.collectors[name].stop()
        self._start(name)

    def freeze_a_collector(self) -> None:
        """SIGSTOP beyond the session timeout: another takes over, then it wakes up."""
        zombie = self.world.collectors[self.chance.choice((STEADY, *OTHERS))]
        zombie.send_signal(signal.SIGSTOP)
        self._pause(8, 12)
        zombie.send_signal(signal.SIGCONT)

    # -- ClickHouse -------------------------------------------------------------------------------------------------------

    def disturb_clickhouse(self) -> None:
        """Slow, hanging, or answering with an error."""
        errors = [(241, "Memory limit (total) exceeded"), (242, "Table is in readonly mode"), (243, "not enough space")]
        choices = [
            Behaviour(delay_seconds=0.5),
            Behaviour(black_hole=True),
            Behaviour(answer=http_error(503, "Service Unavailable")),
            *(Behaviour(answer=http_error(500, "Error", code, text)) for code, text in errors),
        ]
        self.world.clickhouse_proxy.behave(self.chance.choice(choices))
        self._pause(1, 8)
        self.world.clickhouse_proxy.heal()

    def swallow_answers_of_clickhouse(self) -> None:
        """The work is done, the answer does not come."""
        self.world.clickhouse_proxy.swallow_answers(self.chance.randrange(1, 6), after=b"INSERT")
        self._pause(2, 5)
        self.world.clickhouse_proxy.heal()

    def refuse_clickhouse(self) -> None:
        """No connections."""
        self._refuse(self.world.clickhouse_proxy)

    def kill_clickhouse(self) -> None:
        """kill -9, and a start."""
        endpoint = self.world.stack.endpoint
        assert endpoint is not None
        endpoint.child.kill()
        self._pause(0, 3)
        endpoint.start()

    # -- Kafka ------------------------------------------------------------------------------------------------------------

    def disturb_kafka(self) -> None:
        """One broker is slow or a black hole for its clients."""
        proxy = self.chance.choice(self.world.kafka_proxies)
        proxy.behave(self.chance.choice([Behaviour(delay_seconds=0.2), Behaviour(black_hole=True)]))
        self._pause(1, 6)
        proxy.heal()

    def swallow_answers_of_kafka(self) -> None:
        """Done, but the answer does not come."""
        for _ in range(5):
            self.chance.choice(self.world.kafka_proxies).swallow_answers(1)
            self._pause(0.1, 0.5)
        for proxy in self.world.kafka_proxies:
            proxy.heal()

    def refuse_kafka(self) -> None:
        """One broker takes no connections."""
        self._refuse(self.chance.choice(self.world.kafka_proxies))

    def kill_a_broker(self) -> None:
        """kill -9 of one of three, often the coordinator, and a start."""
        node = self.world.coordinator() if self.chance.random() < 0.5 else self.chance.randrange(1, 4)
        self.world.kill_broker(node)
        self._pause(1, 8)
        self.world.restart_broker(node)

    def _refuse(self, proxy: Proxy) -> None:
        proxy.refuse()
        self._pause(1, 6)
        proxy.accept()

    # -- the registry -----------------------------------------------------------------------------------------------------

    def publish_and_restate(self) -> None:
        """New baselines for everything, and a sweep in the middle of it all."""
        self._publish()
        self.world.restate(self.cvrs[:1])

    def _publish(self) -> None:
        self.percent = self.chance.choice([p for p in range(80, 121, 5) if p != self.percent])
        self.world.publish(self.percent)

    @property
    def all(self) -> dict[str, Callable[[], None]]:
        """Everything that can be done."""
        return {
            "collector killed at any moment": self.kill_a_collector,
            "collector killed at a step": self.kill_at_a_step,
            "collector ended and started": self.stop_and_start,
            "collector's clock jumps": self.jump_a_clock,
            "older version reads the same partitions": self.run_an_older_version,
            "baselines published between crash and replay": self.publish_before_the_replay,
            "collector frozen beyond its session": self.freeze_a_collector,
            "ClickHouse slow, hanging or failing": self.disturb_clickhouse,
            "ClickHouse's answers lost": self.swallow_answers_of_clickhouse,
            "ClickHouse refuses connections": self.refuse_clickhouse,
            "ClickHouse killed": self.kill_clickhouse,
            "a broker slow or a black hole": self.disturb_kafka,
            "a broker's answers lost": self.swallow_answers_of_kafka,
            "a broker refuses connections": self.refuse_kafka,
            "one of three brokers killed": self.kill_a_broker,
            "baselines published, restated": self.publish_and_restate,
        }
