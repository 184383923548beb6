"""How often the balance test rejects a true lot, and how often the post-stratified interval holds the truth.

    python -m tests.simulations.balance [--repetitions 2000] [--seed 20260402]

Cases have tasks of several kinds that go together; arms are drawn by case, or by task. Beside the test stands what a sandwich of
clusters (Hotelling's T²) would reject. Efforts are lognormal and share their case's; AI saves a fifth.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from services.domain.balance import Balance, balance, post_stratified
from services.domain.mix import TaskMix
from services.domain.refusal import Refusal


@dataclass(frozen=True)
class Lot:
    """`treated`: share of the treated. Kinds of tasks are of unequal frequency."""

    cases: int
    tasks_per_case: int
    treated: float
    kinds: int
    by_case: bool


LOTS = (
    Lot(60, 5, 0.5, 6, by_case=True),
    Lot(200, 5, 0.5, 8, by_case=True),
    Lot(200, 5, 0.5, 8, by_case=False),
    Lot(1000, 3, 0.96, 12, by_case=True),
    Lot(1000, 3, 0.96, 12, by_case=False),
    Lot(3000, 3, 0.97, 40, by_case=True),
)


def draw(random: np.random.Generator, lot: Lot) -> tuple[TaskMix, np.ndarray]:
    """A mix whose arms were drawn, and the efforts of its tasks, milliseconds."""
    n = lot.cases * lot.tasks_per_case
    case = np.repeat(np.arange(lot.cases), lot.tasks_per_case)
    usual = random.dirichlet(np.full(lot.kinds, 0.7), lot.cases)
    share = (usual + 2 / (1 + np.arange(lot.kinds))).cumsum(axis=1)
    kind = (random.random(n)[:, None] * share[case, -1:] > share[case]).sum(axis=1)
    treated = (random.random(lot.cases) < lot.treated)[case] if lot.by_case else random.random(n) < lot.treated
    effort = 600_000 * (1 + kind % 4) * np.exp(random.normal(0, 0.5, lot.cases)[case] + random.normal(0, 0.6, n))
    low, core, citizen, no_stratum = ([word] * n for word in ("low", "core", "citizen", ""))
    words = [f"local:{k}" for k in kind.tolist()]
    mix = TaskMix(treated, words, low, core, citizen, no_stratum, [str(c) for c in case.tolist()])
    return mix, np.where(treated, 0.8, 1) * effort


def sandwich(mix: TaskMix, tested: list[str]) -> float:
    """The p value of Hotelling's T² on the clusters' own spread, of the cells that are tested alone."""
    cell = np.array(mix.cells())
    one = np.stack([cell == name for name in tested], axis=1).astype(np.float64)
    cluster = np.unique(np.array(mix.cluster), return_inverse=True)[1]
    scores = np.zeros((int(cluster.max()) + 1, len(tested)))
    np.add.at(scores, cluster, (mix.treated - mix.treated.mean())[:, None] * (one - one.mean(axis=0)))
    total, groups, q = scores.sum(axis=0), len(scores), len(tested)
    spread = scores.T @ scores - np.outer(total, total) / groups
    t2 = (groups - 1) / groups * total @ np.linalg.pinv(spread) @ total
    return float(stats.f.sf((groups - q) / (q * (groups - 1)) * t2, q, groups - q))


def rejections(lot: Lot, repetitions: int, seed: int) -> tuple[float, float, float]:
    """Shares of true lots that are rejected at 5 %, at 1 %, and by the sandwich at 5 %."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(repetitions):
        mix, _ = draw(random, lot)
        result = balance(mix)
        if isinstance(result, Balance) and result.p_value is not None:
            alone = [c.cell for c in result.cells if c.cell not in result.tested_together]
            alone = alone if result.tested_together else alone[:-1]
            found.append((result.p_value < 0.05, result.p_value < 0.01, sandwich(mix, alone) < 0.05))
    five, one, other = np.mean(found, axis=0)
    return five, one, other


def coverage(lot: Lot, repetitions: int, seed: int) -> tuple[float, float]:
    """The share of post-stratified intervals that hold what was freed, and of treated tasks that they cover."""
    random = np.random.default_rng(seed)
    inside, covered = [], []
    expected = 600_000 * np.exp((0.5**2 + 0.6**2) / 2)
    for _ in range(repetitions):
        mix, effort = draw(random, lot)
        found = post_stratified(mix, effort)
        if isinstance(found, Refusal):
            continue
        outside = {left.stratum for left in found.freed.uncovered}
        kinds = [int(word.removeprefix("local:")) for word in mix.task_type]
        kept = [t and f"local:{k}" not in outside for t, k in zip(mix.treated.tolist(), kinds, strict=True)]
        truth = 0.2 * expected * sum(1 + k % 4 for k, keep in zip(kinds, kept, strict=True) if keep)
        inside.append(found.freed.low_ms <= truth <= found.freed.high_ms)
        covered.append(sum(kept) / mix.treated.sum())
    return float(np.mean(inside)), float(np.mean(covered))


def table(repetitions: int, seed: int, say: Callable[[str], None]) -> None:
    """Says a row per lot."""
    say(f"{repetitions} repetitions a row, seed {seed}; true lots rejected, and coverage of 95 % intervals")
    say(
        f"{'cases':>5} {'tasks':>5} {'treated':>7} {'kinds':>5} {'drawn by':>8} {'at 5 %':>7} {'at 1 %':>7} {'sandwich':>8} {'coverage':>8} {'of treated':>10}"
    )
    for lot in LOTS:
        five, one, other = rejections(lot, repetitions, seed)
        inside, covered = coverage(lot, repetitions, seed)
        say(
            f"{lot.cases:>5} {lot.tasks_per_case:>5} {lot.treated:>7} {lot.kinds:>5} {'case' if lot.by_case else 'task':>8} "
            f"{five:>7.1%} {one:>7.1%} {other:>8.1%} {inside:>8.1%} {covered:>10.1%}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20_260_402)
    given = parser.parse_args()
    table(given.repetitions, given.seed, lambda line: print(line, flush=True))
