"""What AI did to the work of a group, by every estimator that its tasks allow, side by side, each with its grade."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, get_args

import pyarrow as pa
import pyarrow.compute as pc

from contracts.registry import Grade, Method
from services.domain.effect.balance import Balance, balance
from services.domain.effect.comparison import Comparison, comparison
from services.domain.effect.drift import Drift, drift_by_authority
from services.domain.effect.headline import Headline, headline
from services.domain.effect.refusal import Refusal
from services.domain.effect.staggered import Staggered, staggered
from services.domain.effect.trial import Trial, trial
from services.domain.effect.waterfall import Step, waterfall
from services.domain.tables import equals, integers
from services.reports import inputs
from services.reports.clickhouse import OtherCap, ReportStore
from services.reports.group import LAST, Group

PROVISIONAL: Final = timedelta(days=90)
GRADES: Final[tuple[Grade, ...]] = ("A", "B", "C", "D")


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
class Claims:
    """What would be claimed without a control, milliseconds: of `predicted` tasks what was expected to be saved, and of
    `self_reported` tasks what people said. No figure holds them."""

    predicted: int
    expected_ms: int
    self_reported: int
    self_reported_ms: int


@dataclass(frozen=True, slots=True)
class Use:
    """Hours that benefit owners confirmed are used for something, milliseconds; `faulty` confirmations are of
    authorities that have one at fault, and not in it."""

    use: str
    realised_ms: int
    confirmations: int
    faulty: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a cap bears on: every estimator, side by side, under one idle cap for each baseline."""

    headline: Headline
    steps: tuple[Step, ...]
    drift: dict[str, Drift]
    trials: dict[str, Trial | Refusal]
    comparison: Comparison | Refusal
    staggered: Staggered | Refusal


@dataclass(frozen=True, slots=True)
class Effect:
    """A report. `minimum` is the grade set in advance, with the version of that decision. `estimates` are at the cap that was
    fixed before AI; `other_caps` the same at half and at double that, empty where no baseline of these tasks carries a cap.
    `realised` is `None` where the group is narrower than what benefit owners confirm. `newest`: the broker's time of the newest
    task."""

    counts: Counts
    newest: datetime | None
    minimum: Grade
    minimum_version: int
    estimates: Estimates
    other_caps: dict[OtherCap, Estimates | Refusal]
    balance: Balance | Refusal
    claims: Claims
    realised: tuple[Use, ...] | None


def effect(store: ReportStore, group: Group, now: datetime) -> Effect:
    """The report of a group as ClickHouse holds it now. Raises `Retry` or `Halt`."""
    value, version = store.targets()["minimum_grade"]
    minimum = GRADES[round(value) - 1]
    table = store.sums(group, now - PROVISIONAL)
    counts, newest = _counts(store, group, table)
    return Effect(
        counts=counts,
        newest=newest,
        minimum=minimum,
        minimum_version=version,
        estimates=_estimates(store, group, minimum, table),
        other_caps=_other_caps(store, group, minimum),
        balance=_balance(store.drawn(group)),
        claims=Claims(*store.claims(group)),
        realised=_realised(store, group),
    )


def _estimates(store: ReportStore, group: Group, minimum: Grade, table: pa.Table) -> Estimates:
    """`table`: the sums of the group."""
    known = store.baselines()
    errors = inputs.baseline_errors(known)
    methods: dict[str, Method] = {str(name): method for name, *_, method in known}
    sums = inputs.arm_sums(table)
    found = headline(sums, errors, inputs.member_evidence(store.evidence(group)), methods, minimum)
    return Estimates(
        headline=found,
        steps=waterfall(inputs.step_sums(table.filter(pa.array(found.kept))), errors, found.saving),
        drift=drift_by_authority(sums, errors),
        trials={
            study: trial(inputs.trial_tasks(store.trial(replace(group, study=study))))
            for study, _ in store.studies(group)
        },
        comparison=_comparison(store.not_drawn(group)),
        staggered=_staggered(store.months(group)),
    )


def _other_caps(store: ReportStore, group: Group, minimum: Grade) -> dict[OtherCap, Estimates | Refusal]:
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
    return {cap: _estimates(at, group, minimum, at.sums(group, LAST)) for cap, at in stores.items()}


def _counts(store: ReportStore, group: Group, table: pa.Table) -> tuple[Counts, datetime | None]:
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
    return counts, datetime.fromtimestamp(found.newest_ms / 1000, UTC) if found.tasks else None


def _balance(drawn: pa.Table) -> Balance | Refusal:
    return balance(inputs.task_mix(drawn)) if drawn.num_rows else Refusal("no arm was drawn: nothing to balance")


def _comparison(tasks: pa.Table) -> Comparison | Refusal:
    if set(pc.unique(tasks.column("role")).to_pylist()) != {"treated", "comparison"}:
        return Refusal("of the tasks that nobody drew there are not both, some with AI and some without it")
    assisted = inputs.assignments(tasks.filter(pc.equal(tasks.column("role"), "treated")))
    return comparison(inputs.task_mix(tasks), integers(tasks, "effort")[0], assisted, inputs.time_bases(tasks))


def _staggered(months: pa.Table) -> Staggered | Refusal:
    if months.num_rows == 0:
        return Refusal("no task was measured")
    return staggered(inputs.panel(months), inputs.time_bases(months))


def _realised(store: ReportStore, group: Group) -> tuple[Use, ...] | None:
    if group.task_type or group.complexity or group.study:
        return None
    return tuple(Use(*row) for row in store.realised(group))
