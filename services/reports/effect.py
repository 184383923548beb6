"""What AI did to the work of a group, by every estimator that its tasks allow, side by side, each with its grade."""

from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from services.domain.effect.balance import Balance, balance
from services.domain.effect.comparison import Comparison, comparison
from services.domain.effect.drift import Drift, drift_by_authority
from services.domain.effect.headline import Headline
from services.domain.effect.refusal import Refusal
from services.domain.effect.staggered import Staggered, staggered
from services.domain.effect.trial import Trial, trial
from services.domain.tables import integers
from services.reports import inputs
from services.reports.basis import About, Basis, about, at_other_caps, basis
from services.reports.clickhouse import OtherCap, ReportStore
from services.reports.group import Group


@dataclass(frozen=True, slots=True)
class Claims:
    """What would be claimed without a control, milliseconds: of `predicted` tasks what was expected to be saved, and of
    `self_reported` tasks what people said. No figure holds them."""

    predicted: int
    expected_ms: int
    self_reported: int
    self_reported_ms: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a cap bears on: every estimator, side by side, under one idle cap for each baseline."""

    headline: Headline
    drift: dict[str, Drift]
    trials: dict[str, Trial | Refusal]
    comparison: Comparison | Refusal
    staggered: Staggered | Refusal


@dataclass(frozen=True, slots=True)
class Effect:
    """A report. `estimates` are at the cap that was fixed before AI; `other_caps` the same at half and at double that, empty
    where no baseline of these tasks carries a cap."""

    about: About
    estimates: Estimates
    other_caps: dict[OtherCap, Estimates | Refusal]
    balance: Balance | Refusal
    claims: Claims


def effect(store: ReportStore, group: Group, now: datetime) -> Effect:
    """The report of a group as ClickHouse holds it now. Raises `Retry` or `Halt`."""
    found, table = about(store, group, now)

    def estimates(at: ReportStore, rests_on: Basis) -> Estimates:
        return Estimates(
            headline=rests_on.headline,
            drift=drift_by_authority(rests_on.sums, rests_on.errors),
            trials={
                study: trial(inputs.trial_tasks(at.trial(replace(group, study=study))))
                for study, _ in at.studies(group)
            },
            comparison=_comparison(at.not_drawn(group)),
            staggered=_staggered(at.months(group)),
        )

    return Effect(
        about=found,
        estimates=estimates(store, basis(store, group, found.minimum, table)),
        other_caps=at_other_caps(store, group, found.minimum, estimates),
        balance=_balance(store.drawn(group)),
        claims=Claims(*store.claims(group)),
    )


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
