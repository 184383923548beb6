"""Steady load: 2,000 events a second for a while; latency to the stored row, and inserts a second into each table."""

import re
from dataclasses import dataclass
from time import monotonic, sleep

from services.cli.demo.case_systems import Message
from services.cli.probing import text_of
from services.cli.producer import Sender
from tests.bench.harness import client_of, running_stack

_BUCKET = re.compile(r'^frigjort_collector_latency_seconds_bucket\{le="([^"]+)"\} ([0-9.e+]+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Steady:
    """The 99th percentile is the upper bound of the histogram's bucket that holds it."""

    rate: int
    seconds: float
    p50_seconds: str
    p99_seconds: str
    inserts_per_second: float


def steady(messages: list[Message], rate: int = 2_000) -> Steady:
    """Sends at an even rate and reads what the collector and the query log say of it."""
    with running_stack(1) as stack:
        sleep(1)
        begun = monotonic()
        with Sender(stack.kafka_settings()) as sender:
            for number, message in enumerate(messages):
                sender.send(*message)
                if number % 50 == 0:
                    sleep(max(0.0, begun + number / rate - monotonic()))
        seconds = monotonic() - begun
        stack.drain()
        buckets = _BUCKET.findall(text_of(f"{stack.metrics[0]}/metrics"))
        sleep(2)
        inserts = (
            client_of(stack)
            .query(
                "SELECT count() FROM frigjort_log.query_log WHERE kind = 'INSERT' AND query LIKE 'INSERT INTO%measurements%'"
            )
            .result_rows[0][0]
        )
    return Steady(rate, seconds, _quantile(buckets, 0.5), _quantile(buckets, 0.99), int(inserts) / seconds)


def _quantile(buckets: list[tuple[str, str]], share: float) -> str:
    total = float(buckets[-1][1])
    return next(bound for bound, count in buckets if float(count) >= share * total)
