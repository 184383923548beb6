"""One fault under load: the load, how far it is stored, how long a recovery takes, and the verdict."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final, Self

from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from contracts import topics
from services.cli.producer import Sender
from services.runtime.errors import Retry
from tests.faults.verdict import Verdict, verdict
from tests.faults.world import World, until
from tests.reference import workload

STORED_SECONDS: Final = 90.0


@dataclass
class Scenario:
    """One fault under load, over some authorities."""

    world: World
    fault: str
    cvrs: Sequence[str]
    events: int
    seed: int
    rate: int
    times: int = 0
    recovered_seconds: list[float] = field(default_factory=list)
    result: Verdict | None = None
    _sending: Thread | None = None
    _enough: Event = field(default_factory=Event)
    _failure: list[BaseException] = field(default_factory=list)

    @property
    def topics(self) -> list[str]:
        """Its topics."""
        return [topics.tasks_topic(cvr) for cvr in self.cvrs]

    def send(self) -> Self:
        """Begins to send, at its rate."""
        self._sending = Thread(target=self._send, name="sending", daemon=True)
        self._sending.start()
        return self

    def under_load(self, flush_rows: int = 500, share: float = 0.1) -> World:
        """A collector `a` and the load, until so much of it is stored: the moment for a fault."""
        self.world.collector("a", COLLECTOR_FLUSH_ROWS=str(flush_rows))
        self.send().has_stored(share)
        return self.world

    def _send(self) -> None:
        try:
            begun = time.monotonic()
            with Sender(self.world.kafka) as sender:
                for number, message in enumerate(workload.messages(self.events, self.seed, self.cvrs)):
                    sender.send(*message)
                    if number % 100 == 0 and (early := begun + number / self.rate - time.monotonic()) > 0:
                        time.sleep(early)
                    if self._enough.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 - told by whoever joins
            self._failure.append(error)

    def sent(self) -> None:
        """Waits until all is sent and acknowledged."""
        assert self._sending is not None
        self._sending.join()
        if self._failure:
            raise self._failure[0]

    def stop(self) -> None:
        """Sends no more."""
        self._enough.set()
        if self._sending is not None:
            self._sending.join()

    # -- how far it is ------------------------------------------------------------------------------------------------------

    @retry(stop=stop_after_delay(60), wait=wait_fixed(0.2), retry=retry_if_exception_type(Retry), reraise=True)
    def ends(self) -> dict[tuple[str, int], int]:
        """The end of each partition; while a broker comes and goes it is asked again."""
        known = self.world.metadata.partitions()
        return self.world.metadata.ends([(topic, number) for topic in self.topics for number in range(known[topic])])

    def stored(self) -> dict[tuple[str, int], int]:
        """How many offsets of each partition are stored, counted from the first without a hole at the end."""
        rows = self.world.rows(
            "SELECT topic, partition, max(offset) + 1 FROM records WHERE topic IN {topics:Array(String)} GROUP BY ALL",
            topics=self.topics,
        )
        return {(topic, number): end for topic, number, end in rows}

    def has_stored(self, share: float) -> None:
        """Waits until so much of what will be sent is stored: the moment for a fault."""
        until(lambda: sum(self.stored().values()) >= share * self.events, STORED_SECONDS, f"{share:.0%} stored")

    def over(self, times: int = 1, since: float | None = None) -> None:
        """The fault is over, now or `since` a moment of the monotonic clock: waits until all that was sent till now is stored,
        and notes how long that took."""
        begun = time.monotonic() if since is None else since
        self.times += times
        ends = self.ends()
        until(lambda: self.reached(ends), STORED_SECONDS, f"recovery from {self.fault}")
        self.recovered_seconds.append(time.monotonic() - begun)

    def reached(self, ends: dict[tuple[str, int], int]) -> bool:
        """Whether everything below these ends is stored."""
        stored = self.stored()
        return all(stored.get(place, 0) >= end for place, end in ends.items())

    def settle(self) -> None:
        """All is sent and stored; now nothing may be lost, doubled or wrong."""
        self.sent()
        ends = self.ends()
        until(lambda: self.reached(ends), STORED_SECONDS, f"everything stored after {self.fault}")
        self.result = verdict(self.world, self.cvrs, ends)
        assert self.result.is_right, f"{self.fault}: {self.result}"


Scenarios = Callable[..., AbstractContextManager[Scenario]]


@contextmanager
def scenario_in(
    world: World, fault: str, events: int, *, seed: int = 1, authorities: int = 2, rate: int = 4_000
) -> Iterator[Scenario]:
    """A load over authorities of its own; on leaving, everything that was sent is stored, and judged."""
    scenario = Scenario(world, fault, world.new_authorities(authorities, partitions=2), events, seed, rate)
    try:
        yield scenario
        scenario.settle()
    finally:
        scenario.stop()
        world.end_collectors()
        world.heal()
