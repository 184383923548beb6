"""Every metric of the progress service. Base units: seconds, offsets, records.

Those of a reconciliation are made of the last report when they are asked for: a scrape sees one report, whole, and a topic
that is gone leaves no gauge behind.
"""

from collections import Counter as Count
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.audit.seals.sealing import Standing, two_chains
from services.domain.clusters.sizes import MIN_CLUSTERS, MIN_CONTROLS
from services.domain.conservation import REFUSED, Kind, Report, Verdict
from services.domain.effect.waterfall import StepName
from services.domain.figures.shapes import Figure

_PLACE = ("topic", "partition")


class ReportMetrics(Collector):
    """The last report; nothing before the first."""

    def __init__(self) -> None:
        self.report: Report | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The Prometheus families."""
        report = self.report
        return [] if report is None else [*_of_logs(report), *_of_findings(report)]


def _of_logs(report: Report) -> Iterator[Metric]:
    """Sums over the logs of each topic and partition."""
    missing: Count[tuple[str, str]] = Count()
    incidents: Count[tuple[str, str]] = Count()
    waiting: Count[tuple[str, str]] = Count()
    stored: Count[tuple[str, str, str]] = Count()
    for account in report.accounts:
        place = (account.topic, str(account.partition))
        missing[place] += account.missing.offsets
        waiting[place] += account.waiting
        incidents[place] += account.stored.incidents if account.stored is not None else 0
        if account.stored is not None:
            stored[*place, "accepted"] += account.stored.events - account.stored.duplicates
            stored[*place, "duplicate"] += account.stored.duplicates
            stored[*place, "rejected"] += account.stored.rejections
    for name, text, counts in (
        ("missing_offsets", "Offsets that were committed, deleted or passed over and are not stored", missing),
        ("incidents", "Contents too many at one offset", incidents),
        ("waiting_records", "Records in the log that are not stored yet", waiting),
    ):
        family = GaugeMetricFamily(f"frigjort_progress_{name}", text, labels=_PLACE)
        for place, count in counts.items():
            family.add_metric(place, count)
        yield family
    family = GaugeMetricFamily(
        "frigjort_progress_stored_records", "Offsets stored, by disposition", labels=(*_PLACE, "disposition")
    )
    for labels, count in stored.items():
        family.add_metric(labels, count)
    yield family


def _of_findings(report: Report) -> Iterator[Metric]:
    by_kind = Count(finding.kind for finding in report.findings)
    findings = GaugeMetricFamily("frigjort_progress_findings", "What speaks against being whole", labels=["kind"])
    for kind in Kind:
        findings.add_metric([kind.value], by_kind[kind])
    yield findings
    refused = GaugeMetricFamily(
        "frigjort_progress_refused_topics", "1 for each topic that is refused, and why", labels=["topic", "kind"]
    )
    for topic, kind in sorted(
        {(finding.topic, finding.kind) for finding in report.findings if finding.kind in REFUSED}
    ):
        refused.add_metric([topic, kind.value], 1)
    yield refused
    whole = GaugeMetricFamily("frigjort_progress_whole", "1: nothing is missing, doubled or refused, whatever waits")
    whole.add_metric([], report.verdict != Verdict.NOT_WHOLE)
    yield whole


class SealMetrics(Collector):
    """How far partitions are sealed, over all logs of each; nothing before the first run. Of a process that seals: registered
    with `registry` when it begins to, so that one which shall not seal is not said to be late."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families: list[Metric] = []
        registry.register(self)
        self.succeeded = Gauge(
            "frigjort_progress_last_sealing_timestamp_seconds",
            "When it was last sealed what was due, also where nothing was",
            registry=registry,
        )

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The Prometheus families."""
        return self._families

    def show(self, standings: Iterable[Standing], now_ms: int) -> None:
        """Takes a run's result in the place of the one before."""
        by_place: dict[tuple[str, str], list[Standing]] = {}
        for standing in standings:
            by_place.setdefault((standing.place[1], str(standing.place[2])), []).append(standing)
        sealed = GaugeMetricFamily(
            "frigjort_progress_sealed_offset", "Last sealed offset of the newest log", labels=_PLACE
        )
        age = GaugeMetricFamily(
            "frigjort_progress_unsealed_seconds",
            "Age of the oldest stored record that is not sealed, by the broker's time; 0: none",
            labels=_PLACE,
        )
        chains = GaugeMetricFamily(
            "frigjort_progress_two_chains", "1: two checkpoints at one offset differ", labels=_PLACE
        )
        for place, found in by_place.items():
            newest = max(found, key=lambda standing: standing.place[0]).sealed
            if newest is not None:
                sealed.add_metric(place, newest.last_offset)
            age.add_metric(place, max(standing.age_seconds(now_ms) for standing in found))
            chains.add_metric(place, bool(two_chains(found)))
        self._families = [sealed, age, chains]


class RollupMetrics:
    """What is published of units. Of a process that publishes: registered with `registry` when it begins to."""

    def __init__(self, registry: CollectorRegistry, lag_seconds: Callable[[], float]) -> None:
        lag = Gauge(
            "frigjort_progress_rollup_lag_seconds",
            "For how long the oldest unit has been changed and not published; 0: none",
            registry=registry,
        )
        lag.set_function(lag_seconds)
        self.held = Gauge(
            "frigjort_progress_rollup_held_units",
            "Units that are not published, since measurements of their authority are stale",
            registry=registry,
        )
        self.published = Counter(
            "frigjort_progress_rollup_published_units", "Units that were published", registry=registry
        )
        self.missed = Counter(
            "frigjort_progress_rollup_missed_units",
            "Changed units that only the sweep over everything found: no insert changed them",
            registry=registry,
        )
        self.seconds = Gauge(
            "frigjort_progress_rollup_seconds", "How long the last one took", ["round"], registry=registry
        )
        self.succeeded = Gauge(
            "frigjort_progress_last_rollup_timestamp_seconds",
            "When it was last published what had changed, also where nothing had",
            registry=registry,
        )


class FigureMetrics(Collector):
    """The figures as they are shown, of the nation and of each sector. Of a process that publishes them: registered with `registry`
    when it begins to. Hours freed can fall, so they are gauges, in seconds."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families: list[Metric] = []
        registry.register(self)
        self.published = Counter(
            "frigjort_progress_published_figures", "Figures that were published", registry=registry
        )
        self.seconds = Gauge("frigjort_progress_figures_seconds", "How long the last look took", registry=registry)
        self.succeeded = Gauge(
            "frigjort_progress_last_figures_timestamp_seconds",
            "When it was last published what had changed, also where nothing had",
            registry=registry,
        )

    def describe(self) -> Iterable[Metric]:
        """Nothing is asked at registration."""
        return []

    def collect(self) -> Iterable[Metric]:
        """The Prometheus families."""
        return self._families

    def show(self, figures: Sequence[Figure]) -> None:
        """Takes the figures in the place of those before."""
        totals = [figure for figure in figures if figure.period.kind == "total"]
        self._families = [*_of_tasks(totals), *_of_freed(figures), *_of_drift(totals)]


_STATES: Final = (
    *("unmeasured", "incomplete", "treated", "control", "compared", "controlled", "provisional", "excluded"),
)
_PARTS: Final[tuple[StepName, ...]] = ("gross", "net", "adjusted", "without_control")


def _named(figure: Figure) -> str | None:
    """The label of a figure of the nation or a sector."""
    return {"nation": "all", "sector": figure.scope.name}.get(figure.scope.kind)


def _of_tasks(totals: Iterable[Figure]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "frigjort_progress_tasks",
        "Tasks, by sector (all: the nation) and what is said of them; treated, control and compared are measured",
        labels=["sector", "state"],
    )
    for figure in totals:
        if (sector := _named(figure)) is not None:
            for state in _STATES:
                family.add_metric([sector, state], getattr(figure.counts, state))
    yield family


def _of_freed(figures: Iterable[Figure]) -> Iterator[Metric]:
    """So far, and in the window of the run-rate; the ends of the interval where it has them."""
    labels = ["sector", "period", "part"]
    families = [
        GaugeMetricFamily(f"frigjort_progress_freed{end}_seconds", f"{text} (total: so far; rate: in the last twelve mature months)", labels=labels)
        for end, text in (("", "Time freed"), ("_low", "Lower end of its 95 % interval"), ("_high", "Upper end of its 95 % interval"))
    ]  # fmt: skip
    for figure in figures:
        sector, period = _named(figure), figure.period.kind
        if sector is None or period not in {"total", "rate"}:
            continue
        for part in _PARTS:
            if figure.step(part):
                for family, ms in zip(families, astuple(figure.amount(part)), strict=True):
                    if ms is not None:
                        family.add_metric([sector, period, part], ms / 1000)
    yield from families


def _of_drift(totals: Iterable[Figure]) -> Iterator[Metric]:
    ratio = GaugeMetricFamily(
        "frigjort_progress_drift_ratio", "Effort of control tasks by their baseline, by sector", labels=["sector"]
    )
    alarm = GaugeMetricFamily(
        "frigjort_progress_drift_alarm",
        "1: an authority has a sufficient control and the 95 % interval of its drift excludes 1, so its baselines do not hold",
        labels=["authority"],
    )
    for figure in totals:
        sector = _named(figure)
        if figure.drift is not None and sector is not None:
            ratio.add_metric([sector], figure.drift.ratio)
        if figure.drift is not None and figure.scope.kind == "authority":
            enough = figure.counts.control >= MIN_CONTROLS and figure.drift.clusters >= MIN_CLUSTERS
            alarm.add_metric([figure.scope.name], enough and figure.drift.alarm)
    yield ratio
    yield alarm


class ProgressMetrics:
    """The metrics of this process, registered with `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.last = ReportMetrics()
        registry.register(self.last)
        self.succeeded = Gauge(
            "frigjort_progress_last_reconciliation_timestamp_seconds",
            "When Kafka and ClickHouse were last reconciled, whatever came out",
            registry=registry,
        )
        self.seconds = Gauge(
            "frigjort_progress_reconciliation_seconds", "How long the last one took", registry=registry
        )
        self.retries = Counter(
            "frigjort_progress_retries", "Attempts that found a neighbour away", ["neighbour"], registry=registry
        )
