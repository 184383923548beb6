"""The gauges say what the last report says, and nothing of the one before."""

from prometheus_client import CollectorRegistry

from contracts import topics
from services.audit.seals.sealing import Standing
from services.domain.accounts import Account, Gaps, Log, Stored
from services.domain.chain import Checkpoint, Unsealed, Why
from services.domain.conservation import Finding, Kind, Report
from services.progress.metrics import ProgressMetrics, RollupMetrics, SealMetrics

TOPIC, OTHER = topics.tasks_topic("10000009"), topics.tasks_topic("10000025")
PLACE = {"topic": TOPIC, "partition": "0"}
OLD = Account(1, TOPIC, 0, None, Stored(0, 9, 8, 1, incidents=1, ids=6), Gaps(1, 1, ((3, 3),)), 0)
NEW = Account(2, TOPIC, 0, Log(0, 9, 9, 7), Stored(0, 4, 4, 1, ids=4), Gaps(2, 1, ((5, 6),)), 2)
REPORT = Report(
    (OLD, NEW), (Finding(Kind.COMPACTED, OTHER, "cause", "remedy"), Finding(Kind.MISSING, TOPIC, "c", "r", 0, 1))
)


def test_how_far_partitions_are_sealed_over_all_their_logs() -> None:
    registry = CollectorRegistry()
    metrics = SealMetrics(registry)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"frigjort_progress_{name}", PLACE)

    assert value("unsealed_seconds") is None
    newest, old = (Checkpoint(log_no, TOPIC, 0, offset, b"", 1, 0) for log_no, offset in ((2, 7), (1, 99)))
    standings = [
        Standing(newest.place, newest, 1, Unsealed(8, Why.YOUNG, 4_000)),
        Standing(old.place, old, 0, Unsealed(100, Why.GAP, 1_000)),
    ]
    metrics.show(standings, 10_000)
    assert (value("sealed_offset"), value("unsealed_seconds"), value("two_chains")) == (7, 9, 0)
    metrics.show([standings[0], Standing(old.place, None, 0, None)], 10_000)
    assert (value("sealed_offset"), value("unsealed_seconds"), value("two_chains")) == (7, 6, 1)
    metrics.show([], 10_000)
    assert value("two_chains") is None


def test_a_report_becomes_gauges_summed_over_the_logs_of_a_topic() -> None:
    registry = CollectorRegistry()
    metrics = ProgressMetrics(registry)
    assert registry.get_sample_value("frigjort_progress_whole") is None
    metrics.last.report = REPORT

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"frigjort_progress_{name}", labels)

    assert value("missing_offsets", **PLACE) == 3
    assert value("incidents", **PLACE) == 1
    assert value("waiting_records", **PLACE) == 2
    by_disposition = {
        name: value("stored_records", **PLACE, disposition=name) for name in ("accepted", "duplicate", "rejected")
    }
    assert by_disposition == {"accepted": 10, "duplicate": 2, "rejected": 2}
    assert {kind: value("findings", kind=kind) for kind in Kind if value("findings", kind=kind)} == {
        "compacted": 1,
        "missing": 1,
    }
    assert value("refused_topics", topic=OTHER, kind="compacted") == 1
    assert value("whole") == 0

    metrics.last.report = Report()
    assert value("missing_offsets", **PLACE) is None
    assert value("refused_topics", topic=OTHER, kind="compacted") is None
    assert value("whole") == 1


def test_the_lag_is_asked_for_at_each_scrape() -> None:
    registry, lags = CollectorRegistry(), [7.5, 0.0]
    RollupMetrics(registry, lambda: lags.pop(0))
    name = "frigjort_progress_rollup_lag_seconds"
    assert [registry.get_sample_value(name) for _ in range(2)] == [7.5, 0.0]
