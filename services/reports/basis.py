"""What every report rests on: how many tasks there are, and the headline at the idle cap that was fixed and at others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

import pyarrow as pa

from contracts.registry import GRADES, Grade, Method
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError
from services.domain.effect.headline import Headline, headline
from services.domain.effect.refusal import Refusal
from services.domain.forecast.months import PROVISIONAL
from services.domain.sums import arm_sums
from services.domain.tables import equals, integers
from services.reports import inputs
from services.reports.clickhouse import OtherCap, ReportStore
from services.reports.group import LAST, Group

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Counts:
    """Tasks of a group. `treated`, `control` and `compared` (without AI and without a draw) are measured; `provisional` ones
    are treated and younger than 90 days: their rework is still coming. Net in milliseconds."""

    tasks: int
    unmeasured: int
    incomplete: int
    capped: int
    treated: int
    control: int
    compared: int
    provisional: int
    provisional_net_ms: int


@dataclass(frozen=True, slots=True)
class About:
    """What a report is of. `minimum` is the grade set in advance, with the version of that decision. `newest`: the broker's
    time of the newest task."""

    counts: Counts
    newest: datetime | None
    minimum: Grade
    minimum_version: int


@dataclass(frozen=True, slots=True)
class Basis:
    """The sums of a group at one idle cap for each baseline, and the headline that they come to."""

    table: pa.Table
    sums: ArmSums
    errors: list[BaselineError]
    headline: Headline


def minimum_grade(targets: Mapping[str, tuple[float, int]]) -> tuple[Grade, int]:
    """The grade that was set in advance, with the version of that decision; from `ReportStore.targets`."""
    value, version = targets["minimum_grade"]
    return GRADES[round(value) - 1], version


def methods_of(baselines: Iterable[Sequence[Any]]) -> dict[str, Method]:
    """The method of each version, from `ReportStore.baselines`."""
    return {str(name): method for name, *_, method in baselines}


def about(store: ReportStore, group: Group, now: datetime) -> tuple[About, pa.Table]:
    """What the report is of, and the sums of the group at the cap that was fixed. Raises `Retry` or `Halt`."""
    table = store.sums(group, now - PROVISIONAL)
    found = store.counts(group)
    treated = equals(table, "role", "treated")
    n, young, young_net = (integers(table, name)[0] for name in ("n", "young", "young_net"))
    counts = Counts(
        tasks=found.tasks,
        unmeasured=found.unmeasured,
        incomplete=found.incomplete,
        capped=found.capped,
        treated=int(n[treated].sum()),
        control=int(n[~treated].sum()),
        compared=found.compared,
        provisional=int(young[treated].sum()),
        provisional_net_ms=int(young_net[treated].sum()),
    )
    newest = datetime.fromtimestamp(found.newest_ms / 1000, UTC) if found.tasks else None
    return About(counts, newest, *minimum_grade(store.targets())), table


def basis(store: ReportStore, group: Group, minimum: Grade, table: pa.Table) -> Basis:
    """`table`: the sums of the group, at the store's cap."""
    known = store.baselines()
    errors = inputs.baseline_errors(known)
    sums = arm_sums(table)
    evidence = inputs.member_evidence(store.evidence(group))
    return Basis(table, sums, errors, headline(sums, errors, evidence, methods_of(known), minimum))


def at_other_caps(
    store: ReportStore, group: Group, minimum: Grade, of: Callable[[ReportStore, Basis], Found]
) -> dict[OtherCap, Found | Refusal]:
    """The same at half and at double the cap; empty where no baseline of these tasks carries a cap."""
    known, unknown = store.capped(group)
    if known + unknown == 0:
        return {}
    if unknown:
        why = Refusal(
            f"the credit of {unknown:,} of {known + unknown:,} tasks is not known there: their baseline carries a cap and does not say "
            "its mean at another; propose a version that does, from `frigjort baseline estimate` and with --takes-over"
        )
        return dict.fromkeys(get_args(OtherCap), why)
    stores = {cap: store.at(cap) for cap in get_args(OtherCap)}
    return {cap: of(at, basis(at, group, minimum, at.sums(group, LAST))) for cap, at in stores.items()}
