"""A trial: tasks whose arm was drawn by lot before the work began, analysed as drawn, whatever then happened.

    log(effort_i) = c [+ stratum] + b·treated_i [+ g·log(predicted_i)] + error_i,   factor = exp(b)
    interval      = exp(b ± z_0.975·SE(b))       SE homoskedastic, HC3, and clustered

With AI a task takes `factor` times as long: 0.8 frees a fifth, 1.2 costs a fifth. Beside it stand the sums, which alone
say how many hours: a factor is a ratio of geometric means, and hours are made of arithmetic ones.

- **Effort** is the sum of active, review and rework, and the logarithm is taken of that sum alone: a part that is truly zero
  stays zero. A task whose whole effort is zero has no logarithm, and no constant is added to give it one, since the factor
  would depend on that constant (Chen and Roth 2024); such a trial has its sums and no factor.
- **A missing part** is imputed with the mean of its arm (true zeros included), to the millisecond, and stated. An arm where it is never known
  has no mean: without AI there is nothing to review or to rework, so in the control arm it then adds nothing, as in
  `measure`; in the treatment arm the trial is refused.
- **Predicted effort** enters where every task has one above zero and they differ; `adjusted_for` says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from typing import Final, Literal

import numpy as np

from contracts.tasks import Arm, TimeBasis
from services.domain.arrays import Floats, Integers, Mask
from services.domain.clusters.codes import numbered
from services.domain.clusters.intervals import NORMAL
from services.domain.effect.freed import Freed, Groups, freed
from services.domain.effect.grades import Evidence, Graded, graded
from services.domain.effect.refusal import Refusal
from services.domain.effect.regression import clustered, hc3, homoskedastic, ols

ARMS: Final[tuple[Arm, Arm]] = ("control", "treatment")


@dataclass(frozen=True, slots=True)
class Nullable:
    """Milliseconds, shape (n,), and where they are known; elsewhere the value is not looked at."""

    ms: Integers
    known: Mask


@dataclass(frozen=True, slots=True)
class TrialTasks:
    """The n tasks of one trial, shape (n,) each: every task that was drawn, abandoned ones too. Active time as counted (no
    cap in time that was measured). `stratum`: what the lot was drawn within, empty for none; `cluster`: a token that is one
    cluster's wherever it stands, and one of its own for a task that has none."""

    treated: Mask
    completed: Mask
    active_ms: Integers
    review: Nullable
    rework: Nullable
    predicted_without: Nullable
    predicted_with: Nullable
    stratum: Sequence[str]
    cluster: Sequence[str]
    time_bases: frozenset[TimeBasis]


@dataclass(frozen=True, slots=True)
class Imputed:
    """`tasks` of an arm got its mean for a part that they lack."""

    part: Literal["review", "rework"]
    arm: Arm
    tasks: int
    mean_ms: int


@dataclass(frozen=True, slots=True)
class ArmTotals:
    """What was drawn into an arm; `completed` of its tasks were, the others were abandoned or escalated."""

    arm: Arm
    tasks: int
    completed: int
    clusters: int
    effort_ms: int


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95 % interval of the factor."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Factor:
    """How many times as long a task takes with AI. `adjusted_for`: what stood beside the arm in the regression."""

    factor: float
    homoskedastic: Interval
    hc3: Interval | Refusal
    clustered: Interval | Refusal
    adjusted_for: tuple[Literal["stratum", "predicted effort"], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial's estimates side by side. `expected_ms` is what the workers' own expectation would have claimed for the treated
    tasks: predicted without AI - predicted with it; `against_prediction_ms`: predicted without AI - effort. Neither has a
    control; both are of grade D."""

    arms: tuple[ArmTotals, ArmTotals]
    imputed: tuple[Imputed, ...]
    factor: Factor | Refusal
    unadjusted: Freed | Refusal
    scaled: Freed | Refusal
    expected_ms: int | Refusal
    against_prediction_ms: int | Refusal
    grade: Graded


def trial(tasks: TrialTasks) -> Trial | Refusal:
    """The estimates of a trial. Refused where an arm is empty, or a part of the treatment arm's effort is never known."""
    for arm, drawn in _by_arm(tasks):
        if not drawn.any():
            return Refusal(f"no task was drawn into the {arm} arm: a trial needs both")
    effort = _effort(tasks)
    if isinstance(effort, Refusal):
        return effort
    effort_ms, imputed = effort
    predicted = _all_known(tasks.predicted_without, np.ones_like(tasks.treated), "effort without AI")
    scaled = predicted if isinstance(predicted, Refusal) else freed(_groups(tasks, effort_ms, predicted))
    return Trial(
        arms=_totals(tasks, effort_ms),
        imputed=imputed,
        factor=_factor(tasks, effort_ms),
        unadjusted=freed(_groups(tasks, effort_ms, np.ones_like(effort_ms))),
        scaled=scaled,
        expected_ms=_expected(tasks),
        against_prediction_ms=_against_prediction(tasks, effort_ms),
        grade=graded(Evidence(frozenset(), frozenset({"random"}), tasks.time_bases, "drawn")),
    )


def _by_arm(tasks: TrialTasks) -> Iterator[tuple[Arm, Mask]]:
    yield ARMS[0], ~tasks.treated
    yield ARMS[1], tasks.treated


def _effort(tasks: TrialTasks) -> tuple[Integers, tuple[Imputed, ...]] | Refusal:
    """Effort with missing parts imputed, milliseconds, shape (n,)."""
    effort = tasks.active_ms.copy()
    imputed: list[Imputed] = []
    parts: tuple[tuple[Literal["review", "rework"], Nullable], ...] = (
        ("review", tasks.review),
        ("rework", tasks.rework),
    )
    for part, values in parts:
        for arm, drawn in _by_arm(tasks):
            known = drawn & values.known
            missing = drawn & ~values.known
            if arm == "treatment" and not known.any():
                return Refusal(f"{part} time is unknown for every treated task: send it for at least some of them")
            mean = round(float(values.ms[known].mean())) if known.any() else 0
            effort[known] += values.ms[known]
            effort[missing] += mean
            if missing.any():
                imputed.append(Imputed(part, arm, int(missing.sum()), mean))
    return effort, tuple(imputed)


def _factor(tasks: TrialTasks, effort_ms: Integers) -> Factor | Refusal:
    idle = int((effort_ms <= 0).sum())
    if idle:
        return Refusal(
            f"{idle} of {len(effort_ms)} tasks took no time at all, and zero has no logarithm: read the sums instead"
        )
    columns = [tasks.treated.astype(np.float64)]
    adjusted_for: list[Literal["stratum", "predicted effort"]] = []
    names, strata = numbered(tasks.stratum)
    columns += [(strata == code).astype(np.float64) for code in range(len(names))]
    if len(names) > 1:
        adjusted_for.append("stratum")
    predicted = tasks.predicted_without
    if predicted.known.all() and predicted.ms.min() > 0 and np.ptp(predicted.ms) > 0:
        adjusted_for.append("predicted effort")
        columns.append(np.log(predicted.ms))
    fit = ols(np.stack(columns, axis=1), np.log(effort_ms))
    if isinstance(fit, Refusal):
        return fit
    _, clusters = numbered(tasks.cluster)

    def interval(covariance: Floats) -> Interval:
        half = NORMAL * sqrt(covariance[0, 0])
        return Interval(exp(fit.coefficients[0] - half), exp(fit.coefficients[0] + half))

    robust, by_cluster = hc3(fit), clustered(fit, clusters)
    return Factor(
        factor=exp(fit.coefficients[0]),
        homoskedastic=interval(homoskedastic(fit)),
        hc3=robust if isinstance(robust, Refusal) else interval(robust),
        clustered=by_cluster if isinstance(by_cluster, Refusal) else interval(by_cluster),
        adjusted_for=tuple(adjusted_for),
    )


def _groups(tasks: TrialTasks, effort_ms: Integers, per: Integers) -> Groups:
    return Groups(tasks.treated, np.ones_like(effort_ms), effort_ms, per, tasks.stratum, tasks.cluster)


def _totals(tasks: TrialTasks, effort_ms: Integers) -> tuple[ArmTotals, ArmTotals]:
    _, cluster = numbered(tasks.cluster)

    def total(arm: Arm, drawn: Mask) -> ArmTotals:
        return ArmTotals(
            arm,
            tasks=int(drawn.sum()),
            completed=int(tasks.completed[drawn].sum()),
            clusters=len(np.unique(cluster[drawn])),
            effort_ms=int(effort_ms[drawn].sum()),
        )

    control, treatment = (total(arm, drawn) for arm, drawn in _by_arm(tasks))
    return control, treatment


def _expected(tasks: TrialTasks) -> int | Refusal:
    without = _all_known(tasks.predicted_without, tasks.treated, "effort without AI")
    with_ai = _all_known(tasks.predicted_with, tasks.treated, "effort with AI")
    if isinstance(without, Refusal):
        return without
    if isinstance(with_ai, Refusal):
        return with_ai
    return int((without - with_ai)[tasks.treated].sum())


def _against_prediction(tasks: TrialTasks, effort_ms: Integers) -> int | Refusal:
    without = _all_known(tasks.predicted_without, tasks.treated, "effort without AI")
    if isinstance(without, Refusal):
        return without
    return int((without - effort_ms)[tasks.treated].sum())


def _all_known(values: Nullable, of: Mask, what: str) -> Integers | Refusal:
    unknown = int((of & ~values.known).sum())
    if unknown:
        return Refusal(
            f"{unknown} of {int(of.sum())} tasks lack a predicted {what}: predict it for each before the draw"
        )
    return values.ms
