"""How often the interval of the staggered introduction holds the truth, by the number of authorities on either side.

    python -m tests.simulations.staggered [--repetitions 2000] [--seed 20260401]

In each world authorities differ in size and in effort per credited hour, drift goes on everywhere, and each has shocks that last.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.domain.group_times import Panel
from services.domain.refusal import Refusal
from services.domain.staggered import Staggered, staggered

MONTHS = 24
FIRST, LAST = 8, 14
"""Months of introduction: early enough that later months can be compared only with those that never introduce it."""


@dataclass(frozen=True)
class World:
    """`size_sd`: of the logarithm of size (0.7: like Danish municipalities; 1.3: one may hold a third). `effect`, `effect_sd`:
    share freed, and how authorities differ in it; `ramp_months` until it is there. `shock_sd`, `persistence`: of an
    authority's own path. `between_sd`: of effort per credited hour."""

    size_sd: float
    effect: float
    effect_sd: float
    ramp_months: int
    shock_sd: float = 0.03
    persistence: float = 0.7
    between_sd: float = 0.1
    drift_a_year: float = 0.03
    credit_hours: float = 400
    noise: float = 1.0


WORLDS = {
    "as expected": World(size_sd=0.7, effect=0.15, effect_sd=0.05, ramp_months=6),
    "no effect": World(size_sd=0.7, effect=0, effect_sd=0, ramp_months=1),
    "unequal": World(size_sd=1.3, effect=0.15, effect_sd=0, ramp_months=1),
    "unequal, lasting shocks": World(1.3, 0.15, 0, 1, shock_sd=0.06, persistence=0.95),
}


@dataclass(frozen=True)
class Drawn:
    """A panel and what each authority's months would have cost without AI, by (authority, month)."""

    panel: Panel
    without_ms: np.ndarray
    effort_ms: np.ndarray
    introduced: np.ndarray


def draw(random: np.random.Generator, world: World, treated: int, never: int) -> Drawn:
    """One nation of `treated` authorities that introduce AI in a month between FIRST and LAST, and `never` that do not."""
    n = treated + never
    introduced = np.full(n, MONTHS)
    introduced[:treated] = random.integers(FIRST, LAST + 1, treated)
    size = np.exp(random.normal(0, world.size_sd, n))[:, None]
    credit = world.credit_hours * size * np.exp(random.normal(0, 0.1, (n, MONTHS)))
    drift = 1 + world.drift_a_year * np.arange(MONTHS) / 12 + random.normal(0, 0.02, MONTHS)
    own = np.exp(random.normal(0, world.between_sd, n))[:, None]
    without = credit * own * (drift + _shocks(random, world, n))
    months_since = np.arange(MONTHS) - introduced[:, None]
    share = np.clip((months_since + 1) / world.ramp_months, 0, 1)
    effect = share * random.normal(world.effect, world.effect_sd, n)[:, None]
    variance = world.noise**2 / credit
    effort = without * (1 - effect) * random.gamma(1 / variance, variance)
    names = [f"{number:03d}" for number in range(n)]
    panel = Panel(
        authority=[name for name in names for _ in range(MONTHS)],
        month=np.tile(np.arange(MONTHS), n),
        effort_ms=np.round(effort * 3_600_000).astype(np.int64).ravel(),
        credit_ms=np.round(credit * 3_600_000).astype(np.int64).ravel(),
        introduced={name: int(at) if at < MONTHS else None for name, at in zip(names, introduced, strict=True)},
    )
    return Drawn(panel, without * 3_600_000, effort * 3_600_000, introduced)


def _shocks(random: np.random.Generator, world: World, n: int) -> np.ndarray:
    shocks = np.empty((n, MONTHS))
    shocks[:, 0] = random.normal(0, world.shock_sd, n)
    fresh = np.sqrt(1 - world.persistence**2) * world.shock_sd
    for month in range(1, MONTHS):
        shocks[:, month] = world.persistence * shocks[:, month - 1] + random.normal(0, fresh, n)
    return shocks


def truth_ms(drawn: Drawn, found: Staggered) -> float:
    """What the treated freed in the group-times that the estimate covers."""
    freed = 0.0
    for pair in found.group_times:
        if pair.month >= pair.introduced:
            group = drawn.introduced == pair.introduced
            freed += float((drawn.without_ms[group, pair.month] - drawn.effort_ms[group, pair.month]).sum())
    return freed


@dataclass(frozen=True)
class Row:
    """Shares of the repetitions; `width` is the median width of the interval, in hours per credited hour."""

    coverage: float
    width: float
    placebo_rejected: float
    refused: float


def simulate(world: World, treated: int, never: int, repetitions: int, seed: int, min_authorities: int) -> Row:
    """One row of the table. The same seed gives the same row."""
    random = np.random.default_rng([seed, treated, never])
    inside, width, rejected, refused = [], [], [], 0
    for _ in range(repetitions):
        drawn = draw(random, world, treated, never)
        found = staggered(drawn.panel, frozenset({"measured"}), min_authorities)
        if isinstance(found, Refusal):
            refused += 1
            continue
        inside.append(found.low_ms <= truth_ms(drawn, found) <= found.high_ms)
        width.append((found.high_ms - found.low_ms) / found.credit_ms)
        if not isinstance(found.placebo, Refusal):
            rejected.append(found.placebo.p_value < 0.05)
    return Row(_mean(inside), float(np.median(width or [0])), _mean(rejected), refused / repetitions)


def _mean(values: list[bool]) -> float:
    return float(np.mean(values)) if values else float("nan")


SIZES = [
    (2, 30),
    (3, 30),
    (4, 30),
    (5, 30),
    (30, 2),
    (30, 3),
    (30, 4),
    (30, 5),
    (3, 3),
    (5, 5),
    (10, 10),
    (30, 30),
    (98, 0),
]


def table(repetitions: int, seed: int, say: Callable[[str], None]) -> None:
    """Says a row per world and number of authorities; none is refused for its number, so that one sees where to refuse."""
    say(f"{repetitions} repetitions a row, seed {seed}; coverage of 95 % intervals")
    say(
        f"{'treated':>7} {'never':>6}  {'world':<24} {'coverage':>8} {'width':>6} {'placebo rejected':>16} {'refused':>8}"
    )
    for treated, never in SIZES:
        for name, world in WORLDS.items():
            row = simulate(world, treated, never, repetitions, seed, min(treated, never or 5, 5))
            say(
                f"{treated:>7} {never:>6}  {name:<24} {row.coverage:>8.1%} {row.width:>6.3f} "
                f"{row.placebo_rejected:>16.1%} {row.refused:>8.1%}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_260_401)
    given = parser.parse_args()
    table(given.repetitions, given.seed, lambda line: print(line, flush=True))
