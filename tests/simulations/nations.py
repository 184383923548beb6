"""Nations that are made up, with a saving that is known: what the adjusted interval has to cover.

Effort of a task = mean of its kind × the authority's own level (theta) × drift × the cluster's effect × the task's own, all
but the first lognormal with mean 1; with AI, times the factor of its type and authority. So its expectation is known.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Floats, Integers
from services.domain.clusters.codes import float_sums_by
from services.domain.effect.arms import ArmSums
from services.domain.effect.baseline_errors import BaselineError

Random = np.random.Generator

TYPES, COMPLEXITIES, HALVES = 3, 2, 2
WITHIN, TAU = 0.9, 0.15
ABANDONED, ABANDONED_EFFORT, INDUCED, INDUCED_EFFORT = 0.05, 0.6, 0.02, 0.3
OWN_ERROR, NATION_ERROR = 0.03, 0.015


@dataclass(frozen=True)
class Lot:
    """How arms are drawn: whole clusters or task by task, in which shares of control; tasks and spread of a cluster."""

    whole: bool
    shares: tuple[float, ...]
    tasks: float
    between: float


LOTS: Final = (
    Lot(whole=True, shares=(0.05, 0.1, 0.3, 0.5), tasks=4, between=0.5),  # cases
    Lot(whole=True, shares=(0.3, 0.5), tasks=30, between=0.25),  # teams, each in one arm
    Lot(whole=False, shares=(0.05, 0.1, 0.3, 0.5), tasks=30, between=0.25),  # teams that do both
)


@dataclass(frozen=True)
class Nation:
    """Sums as the estimator takes them, and per row what it does not know: the true saving (0 for control), the same of
    exactly these clusters, with whatever is particular to them; the expected effort without AI and the true baselines,
    for the true drift; Σ effort of tasks with credit, and Σ effort² of those with and those without."""

    sums: ArmSums
    errors: list[BaselineError]
    saving: Floats
    saving_here: Floats
    expected: Floats
    true_credit: Floats
    credited_effort: Floats
    credited_squares: Floats
    other_squares: Floats


def lognormal(random: Random, sigma: float, size: Any) -> Floats:
    """Lognormal with mean 1."""
    return np.asarray(np.exp(random.normal(-sigma * sigma / 2, sigma, size)))


@dataclass(frozen=True)
class _World:
    """What is true of a nation, by authority and kind of work."""

    mean: Floats  # (type, complexity), ms
    level: Floats  # (authority, type): theta
    drift: Floats  # (authority, type)
    factor: Floats  # (authority, type): effort with AI / without


def _world(random: Random, authorities: int) -> _World:
    common = lognormal(random, 0.1, TYPES) * random.uniform(0.95, 1.15)
    return _World(
        mean=random.uniform(5, 40, (TYPES, COMPLEXITIES)) * 60_000,
        level=lognormal(random, TAU, (authorities, TYPES)),
        drift=common * lognormal(random, 0.06, (authorities, 1)) * lognormal(random, 0.03, (authorities, TYPES)),
        factor=random.uniform(0.6, 1.15, TYPES) * lognormal(random, 0.05, (authorities, 1)),
    )


@dataclass(frozen=True)
class _Baselines:
    """By (authority, type, complexity, half): number of the version, its mean, and the mean without its error."""

    errors: list[BaselineError]
    version: Integers
    mean_ms: Integers
    true_ms: Floats


def _baselines(random: Random, world: _World) -> _Baselines:
    authorities = len(world.level)
    shape = (authorities, TYPES, COMPLEXITIES, HALVES)
    kind = np.arange(TYPES * COMPLEXITIES).reshape(TYPES, COMPLEXITIES)
    renewed = (
        random.random((authorities + 1, TYPES)) < 0.3
    )  # a new version for the second half; the last row: the nation's
    own = random.random(authorities) < 0.5
    owner = np.where(own, np.arange(authorities), authorities)
    new = renewed[owner][:, :, None, None] & (np.arange(HALVES) == 1)
    version = (owner[:, None, None, None] * TYPES * COMPLEXITIES + kind[None, :, :, None]) * HALVES + new
    level = np.where(own[:, None], world.level, 1.0)
    true = np.broadcast_to((level[:, :, None] * world.mean)[..., None], shape)
    relative = np.where(own, OWN_ERROR, NATION_ERROR)[:, None, None, None]
    luck = random.normal(size=(authorities + 1, HALVES))  # one source an owner and half: its baselines err together
    mean = np.round(true * (1 + relative * luck[owner][:, None, None, :] * np.ones(shape)))
    mean = np.where(new, mean, np.round(true * (1 + relative * luck[owner][:, None, None, :1])))
    errors = {}
    for a, t, c, h in np.ndindex(shape):
        name, size = str(version[a, t, c, h]), float(true[a, t, c, h])
        source = f"{owner[a]}/{int(new[a, t, 0, h])}"
        tau = 0 if own[a] else round(TAU * size)
        errors[name] = BaselineError(name, source, round(float(relative[a, 0, 0, 0]) * size), tau)
    return _Baselines(list(errors.values()), version.astype(np.int64), mean.astype(np.int64), true)


def nation(random: Random, authorities: int, tasks: float, lot: Lot | None = None, unequal: float = 1.0) -> Nation:
    """A nation of so many authorities with so many tasks each on average. `unequal`: sigma of the log of their sizes."""
    lot = lot or LOTS[int(random.integers(len(LOTS)))]
    world = _world(random, authorities)
    baselines = _baselines(random, world)
    sizes = lognormal(random, unequal, authorities) * tasks
    clusters = np.maximum(random.poisson(sizes / lot.tasks), 2)
    of_cluster = np.repeat(np.arange(authorities), clusters)
    mix = random.dirichlet(np.full(TYPES * COMPLEXITIES, 3.0))
    expected = lot.tasks * lognormal(random, 0.5, len(of_cluster))[:, None, None] * mix[:, None]
    when = np.full((len(of_cluster), HALVES), 0.5)
    if lot.tasks < 10:  # a case is over soon
        when = np.eye(HALVES)[random.integers(HALVES, size=len(of_cluster))]
    count = random.poisson(expected * when[:, None, :])
    control = _control(random, lot, of_cluster, count, when)
    parts = [np.nonzero(count - control), np.nonzero(control)]
    treated = np.concatenate([np.ones(len(parts[0][0]), bool), np.zeros(len(parts[1][0]), bool)])
    n = np.concatenate([(count - control)[parts[0]], control[parts[1]]])
    cluster, kind, half = (np.concatenate(pair) for pair in zip(*parts, strict=True))
    effect = lognormal(random, lot.between, len(of_cluster))
    return _worked(random, world, baselines, of_cluster, effect, cluster, kind, half, treated, n)


def _control(random: Random, lot: Lot, of_cluster: Integers, count: Integers, when: Floats) -> Integers:
    """How many of the tasks of each (cluster, kind, half) are control. A tenth of the authorities draw none; in some nations
    the share falls by half after the first half, as after a trial."""
    authorities = int(of_cluster.max()) + 1
    share = (
        float(random.choice(lot.shares)) * random.uniform(0.5, 1.5, authorities) * (random.random(authorities) < 0.9)
    )
    by_half = np.minimum(share[:, None] * (np.array([1.0, 0.5]) if random.random() < 0.3 else 1.0), 0.7)[of_cluster]
    if lot.whole:
        drawn = random.random(len(of_cluster)) < (by_half * when).sum(axis=1) / when.sum(axis=1)
        return np.asarray(count * drawn[:, None, None])
    return random.binomial(count, by_half[:, None, :])


def _worked(
    random: Random,
    world: _World,
    baselines: _Baselines,
    of_cluster: Integers,
    effect: Floats,
    cluster: Integers,
    kind: Integers,
    half: Integers,
    treated: npt.NDArray[np.bool_],
    n: Integers,
) -> Nation:
    """Draws the effort of every task of every row, and adds up."""
    authority, task_type, complexity = of_cluster[cluster], kind // COMPLEXITIES, kind % COMPLEXITIES
    n_credit = random.binomial(n, 1 - ABANDONED)
    induced = np.where(treated, random.poisson(INDUCED * n), 0)
    place = (authority, task_type, complexity, half)
    plain = world.mean[task_type, complexity] * world.level[authority, task_type] * world.drift[authority, task_type]
    factor = np.where(treated, world.factor[authority, task_type], 1.0)

    def worked(tasks: Integers, mean: Floats) -> tuple[Floats, Floats]:
        row = np.repeat(np.arange(len(tasks)), tasks)
        effort = np.round((mean * effect[cluster])[row] * lognormal(random, WITHIN, len(row)))
        return float_sums_by(row, effort, len(tasks)), float_sums_by(row, effort * effort, len(tasks))

    credited, squares = worked(n_credit, plain * factor)
    abandoned, more = worked(n - n_credit, plain * factor * ABANDONED_EFFORT)
    extra, most = worked(induced, plain * INDUCED_EFFORT)
    expected = plain * (n_credit + ABANDONED_EFFORT * (n - n_credit))
    saving = np.where(treated, expected * (1 - factor) - plain * INDUCED_EFFORT * induced, 0.0)
    return Nation(
        sums=ArmSums(
            authority=authority,
            task_type=task_type,
            complexity=complexity,
            role=np.where(treated, "treated", "control"),
            cluster=cluster,
            baseline=baselines.version[place],
            n=n + induced,
            n_credit=n_credit,
            effort_ms=(credited + abandoned + extra).astype(np.int64),
            credit_ms=n_credit * baselines.mean_ms[place],
        ),
        errors=baselines.errors,
        saving=saving,
        saving_here=saving * effect[cluster],
        expected=expected,
        true_credit=n_credit * baselines.true_ms[place],
        credited_effort=credited,
        credited_squares=squares,
        other_squares=more + most,
    )
