"""The gauges say what the last report says, and nothing of the one before."""

from dataclasses import replace

from prometheus_client import CollectorRegistry

from contracts import topics
from services.audit.seals.sealing import Standing
from services.domain.accounts import Account, Gaps, Log, Stored
from services.domain.chain import Checkpoint, Unsealed, Why
from services.domain.conservation import Finding, Kind, Report
from services.domain.effect.drift import Drift
from services.domain.effect.waterfall import Step
from services.domain.figures.shapes import TOTAL, Counts, Figure, Period, Scope
from services.progress.metrics import FigureMetrics, ProgressMetrics, RollupMetrics, SealMetrics

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


COUNTS = Counts(100, 90, 6, 4, treated=50, control=200, compared=10, controlled=40, provisional=5, excluded=1)
STEPS = (
    Step("gross", 9_000, 8_000.0, 10_000.0),
    Step("net", 7_000, None, None),
    Step("without_control", -2_000, -3_000.0, -1_000.0),
    Step("drift", 500, 0.0, 1_000.0),
    Step("adjusted", 5_500, 5_000.0, 6_000.0),
)


def figure(scope: Scope, period: Period = TOTAL, drift: Drift | None = None) -> Figure:
    return Figure(scope, period, COUNTS, STEPS, "A", "C", drift, 0)


def test_figures_of_nation_and_sectors_are_gauges_in_seconds() -> None:
    registry = CollectorRegistry()
    metrics = FigureMetrics(registry)
    rate = Period("rate", 660, 672)
    drifted, held = Drift(1.2, 1.1, 1.3, 40), Drift(1.01, 0.9, 1.1, 40)
    metrics.show([
        figure(Scope("nation"), drift=drifted),
        figure(Scope("sector", "region"), rate),
        figure(Scope("nation"), Period("month", 671, 672)),
        figure(Scope("authority", "10000009"), drift=drifted),
        figure(Scope("authority", "10000017"), drift=held),
        figure(Scope("authority", "10000025")),
        replace(figure(Scope("authority", "10000033"), drift=drifted), counts=replace(COUNTS, control=199)),
        figure(Scope("authority", "10000041"), drift=Drift(1.2, 1.1, 1.3, 29)),
    ])  # fmt: skip

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"frigjort_progress_{name}", labels)

    adjusted = {"sector": "all", "period": "total", "part": "adjusted"}
    assert [value(f"freed{end}_seconds", **adjusted) for end in ("", "_low", "_high")] == [5.5, 5.0, 6.0]
    apart = {**adjusted, "part": "without_control"}
    assert [value(f"freed{end}_seconds", **apart) for end in ("", "_low", "_high")] == [2.0, 1.0, 3.0]
    net = {**adjusted, "part": "net"}
    assert [value(f"freed{end}_seconds", **net) for end in ("", "_low", "_high")] == [7.0, None, None]
    assert value("freed_seconds", sector="region", period="rate", part="gross") == 9.0
    assert value("freed_seconds", sector="all", period="month", part="gross") is None
    assert value("freed_seconds", sector="all", period="total", part="drift") is None
    assert value("tasks", sector="all", state="unmeasured") == 6
    assert value("tasks", sector="region", state="unmeasured") is None
    assert value("drift_ratio", sector="all") == 1.2
    assert [value("drift_alarm", authority=cvr) for cvr in ("10000009", "10000017", "10000025")] == [1, 0, None]
    small = [value("drift_alarm", authority=cvr) for cvr in ("10000033", "10000041")]
    assert small == [0, 0], "too few control tasks or clusters: chance alone moves their drift"
    metrics.show([])
    assert value("tasks", sector="all", state="unmeasured") is None
