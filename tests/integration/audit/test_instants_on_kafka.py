"""A run on Apache Kafka with corrections, retractions and restatements: as recorded at any instant of it is the reference
model's snapshot at that instant, and the causes between any two add up. FRIGJORT_TEST_DEPTH=5 asks at 200 instants."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

import pytest

from services.audit.as_of.clickhouse import InstantStore
from services.audit.as_of.totals import changes, snapshot
from services.audit.recompute.clickhouse import RecomputationStore
from services.audit.recompute.comparison import Recomputation
from services.cli.demo import offices
from services.cli.producer import Sender
from services.domain.causes import Cause
from tests.integration.against import logs_in_clickhouse, states_in_clickhouse, timed_records_in_kafka
from tests.integration.audit.recomputing import expected, moment, when
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_kafka
from tests.integration.test_restatement import restated
from tests.reference import load_registry, workload
from tests.reference.model import Total, fold
from tests.reference.records import Records
from tests.reference.registry import Registry

SEED = 91
EVENTS = 6_000
BURSTS = 60
INSTANTS = 40 * int(os.environ.get("FRIGJORT_TEST_DEPTH", "1"))
AMONG = [AUTHORITY, OTHER]
_TOLD = "SELECT payload FROM registry_events ORDER BY generation"


def published(running: Running) -> Iterator[None]:
    """What the registry says while events come, step by step."""
    registry = running.stack.registry()

    def publish(percent: int, **interval: str) -> None:
        """Each in the place of the version before it, or of a part of it."""
        contents = [{**draft, **interval} for draft in load_registry.drafts(AMONG, percent)]
        offices.publish(registry, contents, datetime.now(UTC))

    def register(sector: str) -> None:
        registry.add_authorities([{"authority": OTHER, "name": "Anden", "sector": sector}], datetime.now(UTC))

    publish(100)
    yield
    register("region")
    yield
    publish(150, valid_from="2026-01-25T00:00:00Z", valid_to="2026-02-20T00:00:00Z")
    yield
    for series in ("nation/27.35.04/any", "sector/27.35.04/low"):
        version = max(one.baseline.version for one in registry.book().series(series) if one.withdrawn is None)
        registry.withdraw(series, version, "wrong-file", "method-office", datetime.now(UTC))
    yield
    register("municipality")
    yield
    publish(90)
    yield


def run(running: Running) -> None:
    """Sends everything in bursts, and between them the registry speaks; sweeps restate beside it."""
    sent = list(workload.messages(EVENTS, SEED, AMONG))
    over = threading.Event()
    sweeps = threading.Thread(target=_sweeping, args=(running, over))
    sweeps.start()
    try:
        steps = published(running)
        for number, first in enumerate(range(0, EVENTS, EVENTS // BURSTS), start=1):
            with Sender(running.stack.kafka_settings()) as sender:
                for message in sent[first : first + EVENTS // BURSTS]:
                    sender.send(*message)
            if number % 9 == 0:
                next(steps, None)
        assert running.stack.drain(90)
    finally:
        over.set()
        sweeps.join()
    restated(running)


def _sweeping(running: Running, over: threading.Event) -> None:
    while not over.wait(1):
        restated(running)


@on_kafka
@pytest.mark.timeout(1_200)
def test_as_recorded_at_any_instant_of_a_run(start_stack: Callable[..., Running]) -> None:
    running, chance = start_stack(collectors=2), random.Random(SEED)
    run(running)
    client = running.client("auditor")
    timed = list(timed_records_in_kafka(running.ready["kafka"], logs_in_clickhouse(client)))
    records, times = Records(record for record, _ in timed), {record[:4]: ms for record, ms in timed}
    assert len(records) == EVENTS
    events = [json.loads(payload) for (payload,) in running.rows(_TOLD)]
    begin, end = min(times.values()), max(times.values())
    near = [ms + chance.choice([-1, 0, 1]) for ms in chance.sample(sorted(times.values()), INSTANTS // 2)]
    instants = [begin - 1, end, *near, *(chance.randrange(begin, end) for _ in range(INSTANTS // 2 - 2))]
    store, sizes = InstantStore(client), set()
    for number, at in enumerate(instants):
        registry = Registry(event for event in events if when(event) <= at)
        model = fold(records, registry, [place for place, ms in times.items() if ms <= at])
        source = "measurements_as_of(at = fromUnixTimestamp64Milli({at:Int64}, 'UTC'))"
        states = dict(states_in_clickhouse(client, source, at=at))
        assert states == expected(model), moment(at)
        sizes.add((len(states), registry.generation))
        if number % 10 == 0:
            found = snapshot(store, moment(at))
            assert astuple(found.total) == tuple(model.by().get((), Total())), moment(at)
            assert found.generation == registry.generation
    assert len(sizes) > min(BURSTS, INSTANTS) // 2, "the instants are different"
    seen = set()
    for _ in range(10):
        first, second = sorted(chance.choice(instants) for _ in range(2))
        found_changes = changes(store, snapshot(store, moment(first)), snapshot(store, moment(second)))
        seen |= {cause for cause, effect in found_changes.causes.items() if effect.saved_ms}
    assert seen == set(Cause)
    report = Recomputation(RecomputationStore(client), pause=lambda: None).run()
    assert (report.wrong, report.stale) == (0, {})
    print(
        f"seed {SEED}: {EVENTS} events in {timedelta(milliseconds=end - begin)}, {len(events)} generations, {len(instants)} instants"
    )
