"""What the error of a baseline does to a sum over tasks that were credited with it: it adds up, it does not average out.

    own error = Σ_sources ( Σ_b |w_b|·SE_b )²       w_b: by how much the sum moves when baseline b moves by 1
    borrowed  = Σ_b tau_b²·Σ_a n_ab²

Baselines of one source (one file, one holdout) may err together, so their errors are added before squaring, by their
sizes: whether they err in the same direction is not known. Those of different sources are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from services.domain.arrays import Codes, Floats, Integers
from services.domain.clusters.codes import Names, float_sums_by, numbered, sums_by

NO_BASELINE: Final = -1
"""In a column of baselines: no task of the row earns credit."""


@dataclass(frozen=True, slots=True)
class BaselineError:
    """What is known of one baseline version's error, milliseconds: its standard error, and tau, the standard deviation
    between authorities: 0 where it is an authority's own. `source` names the data that it is from."""

    baseline: str
    source: str
    standard_error_ms: int
    tau_ms: int = 0


@dataclass(frozen=True, slots=True)
class BaselineUse:
    """How often an authority's tasks were credited with a baseline version."""

    error: BaselineError
    authority: str
    n: int


@dataclass(frozen=True, slots=True)
class Credited:
    """How many tasks of each group were credited with each version, shape (p,), in order; `counts` one array for each
    kind of task asked for."""

    group: Codes
    baseline: Codes
    counts: tuple[Integers, ...]

    @classmethod
    def of(cls, group: Codes, baseline: Codes, *counts: Integers) -> "Credited":
        """From rows, shape (m,), in any order; rows without a baseline are left out."""
        rows = np.flatnonzero(baseline != NO_BASELINE)
        versions = int(baseline.max(initial=0)) + 1
        keys, key = np.unique(group[rows] * versions + baseline[rows], return_inverse=True)
        return cls(keys // versions, keys % versions, tuple(sums_by(key, n[rows], len(keys)) for n in counts))

    def uses(self, errors: Sequence[BaselineError], authorities: Names) -> list[BaselineUse]:
        """How often each authority was credited with each version, where the groups are authorities. `errors` of the versions."""
        return [
            BaselineUse(errors[version], str(authorities[authority]), n)
            for authority, version, n in zip(
                self.group.tolist(), self.baseline.tolist(), self.counts[0].tolist(), strict=True
            )
        ]


def error_variances(
    errors: Sequence[BaselineError], group: Codes, baseline: Codes, weight: Floats, groups: int
) -> Floats:
    """Σ_sources (Σ_b |w_b|·SE_b)² of each group, milliseconds², shape (groups,).

    `baseline`, shape (p,), is a place in `errors`; `weight` a part of that version's w in that group: parts are added, with
    their signs, before anything else.
    """
    if len(errors) == 0:
        return np.zeros(groups)
    _, source = numbered([error.source for error in errors])
    standard_error = np.array([error.standard_error_ms for error in errors], dtype=np.float64)
    keys, key = np.unique(group * len(errors) + baseline, return_inverse=True)
    w = float_sums_by(key, weight, len(keys))
    owner, version = keys // len(errors), keys % len(errors)
    sources = int(source.max()) + 1
    pairs, pair = np.unique(owner * sources + source[version], return_inverse=True)
    error = float_sums_by(pair, np.abs(w) * standard_error[version], len(pairs))
    return float_sums_by(pairs // sources, error**2, groups)


def used_error_variance(uses: Sequence[BaselineUse]) -> float:
    """Σ_sources (Σ_b n_b·SE_b)²: what the baselines' own errors do to a sum of credits, milliseconds²."""
    errors = sorted({use.error for use in uses}, key=lambda error: (error.source, error.baseline))
    place = {error: number for number, error in enumerate(errors)}
    baseline = np.array([place[use.error] for use in uses], dtype=np.intp)
    weight = np.array([use.n for use in uses], dtype=np.float64)
    return float(error_variances(errors, np.zeros_like(baseline), baseline, weight, 1)[0])


def borrowed_variance(uses: Sequence[BaselineUse]) -> float:
    """Σ_b tau_b²·Σ_a n_ab²: an authority differs as a whole from the baseline that it borrows, milliseconds²."""
    counts: dict[tuple[BaselineError, str], int] = {}
    for use in uses:
        counts[use.error, use.authority] = counts.get((use.error, use.authority), 0) + use.n
    return float(sum((error.tau_ms * n) ** 2 for (error, _), n in counts.items()))
