"""What the processes say of themselves: their metrics, added up. Nothing here asks Kafka or ClickHouse."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from services.cli.probing import readiness, text_of

_SECONDS: Final = 3
_COLLECTOR: Final = "frigjort_collector_"
_PROGRESS: Final = "frigjort_progress_"


@dataclass(frozen=True, slots=True)
class Collectors:
    """All that answered, added up. `latest_insert`: when one last stored something, seconds since 1970; `None`: never."""

    processes: int
    received: int
    accepted: int
    rejected: int
    lag: int
    halted: int
    braked: int
    retries: int
    latest_insert: float | None


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the progress service says; what it shall not do, or has not done yet, is `None`."""

    whole: bool | None
    missing: int
    waiting: int
    findings: int
    rollup_lag_seconds: float | None
    held_units: int | None
    unsealed_seconds: float | None
    figures_at: float | None
    drift_alarms: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The processes by their base URL and, where one is not ready, its problems; and what they say."""

    problems: dict[str, tuple[str, ...]]
    collectors: Collectors
    keeping: Keeping | None

    @property
    def well(self) -> bool:
        """Whether every process is ready and nothing is missing."""
        return not any(self.problems.values()) and (self.keeping is None or self.keeping.whole is not False)


NOBODY: Final = Collectors(0, 0, 0, 0, 0, 0, 0, 0, None)


def pipeline(addresses: Sequence[str]) -> Pipeline:
    """Asks each process, a few seconds at most."""
    problems: dict[str, tuple[str, ...]] = {}
    samples = []
    for address in addresses:
        problems[address] = _problems(address)
        samples.append(_Samples.of(text_of(f"{address}/metrics", _SECONDS)))
    collectors = [each for each in samples if each.has(f"{_COLLECTOR}buffered_records")]
    keepers = [each for each in samples if each.has(f"{_PROGRESS}whole") or each.has(f"{_PROGRESS}retries_total")]
    return Pipeline(problems, _collectors(collectors), _keeping(keepers[0]) if keepers else None)


def _collectors(samples: Sequence["_Samples"]) -> Collectors:
    def total(name: str) -> int:
        return int(sum(each.total(f"{_COLLECTOR}{name}") or 0 for each in samples))

    inserts = [each.total(f"{_COLLECTOR}last_successful_insert_timestamp_seconds") or 0 for each in samples]
    return Collectors(
        processes=len(samples),
        received=total("records_received_total"),
        accepted=total("records_accepted_total"),
        rejected=total("records_rejected_total"),
        lag=total("lag_records") + total("buffered_records"),
        halted=total("halted_partitions"),
        braked=total("brake_engaged"),
        retries=total("retries_total"),
        latest_insert=max(inserts, default=0) or None,
    )


def _keeping(said: "_Samples") -> Keeping:
    whole = said.total(f"{_PROGRESS}whole")
    held = said.total(f"{_PROGRESS}rollup_held_units")
    return Keeping(
        whole=None if whole is None else whole == 1,
        missing=int(said.total(f"{_PROGRESS}missing_offsets") or 0),
        waiting=int(said.total(f"{_PROGRESS}waiting_records") or 0),
        findings=int(said.total(f"{_PROGRESS}findings") or 0),
        rollup_lag_seconds=said.total(f"{_PROGRESS}rollup_lag_seconds"),
        held_units=None if held is None else int(held),
        unsealed_seconds=said.largest(f"{_PROGRESS}unsealed_seconds"),
        figures_at=said.total(f"{_PROGRESS}last_figures_timestamp_seconds") or None,
        drift_alarms=int(said.total(f"{_PROGRESS}drift_alarm") or 0),
    )


@dataclass(frozen=True, slots=True)
class _Samples:
    values: dict[str, list[float]]

    @classmethod
    def of(cls, text: str) -> "_Samples":
        found = defaultdict(list)
        for name, value in _parsed(text):
            found[name].append(value)
        return cls(dict(found))

    def has(self, name: str) -> bool:
        return name in self.values

    def total(self, name: str) -> float | None:
        """The sum over labels; `None` where there is no such series."""
        return sum(self.values[name]) if name in self.values else None

    def largest(self, name: str) -> float | None:
        return max(self.values[name]) if name in self.values else None


def _parsed(text: str) -> Iterator[tuple[str, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.value


def _problems(address: str) -> tuple[str, ...]:
    """Why a process is not ready."""
    found = readiness(address, _SECONDS)
    if found.status == 0:
        return (f"does not answer: {found.error}",)
    return () if found.status == HTTPStatus.OK else found.problems or ("not ready",)
