"""Ordinary least squares with three kinds of standard errors: homoskedastic, HC3 and clustered.

    b = (X'X)⁻¹X'y,  e = y - Xb
    homoskedastic:  e'e/(n - k) · (X'X)⁻¹
    HC3:            (X'X)⁻¹ · Σ_i x_i x_i'·(e_i/(1 - h_i))² · (X'X)⁻¹,   h_i = x_i'(X'X)⁻¹x_i
    clustered:      G/(G - 1)·(n - 1)/(n - k) · (X'X)⁻¹ · Σ_g s_g s_g' · (X'X)⁻¹,   s_g = Σ_{i in g} x_i e_i

HC3: MacKinnon and White (1985). Clustered: Liang and Zeger (1986), with the factor that Cameron and Miller (2015, section
II.B) give and that Stata and statsmodels use.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from services.domain.arrays import Floats, Integers
from services.domain.effect.refusal import Refusal

_ROUNDING: Final = 1e-10


@dataclass(frozen=True, slots=True)
class Fit:
    """A regression of n outcomes on k columns. `bread` is (X'X)⁻¹, shape (k, k); `leverage` is h, shape (n,)."""

    coefficients: Floats
    residuals: Floats
    design: Floats
    bread: Floats
    leverage: Floats


def ols(design: Floats, outcome: Floats) -> Fit | Refusal:
    """The regression of `outcome`, shape (n,), on the columns of `design`, shape (n, k).

    Refused where n ≤ k, or where a column is a combination of others: then nothing tells their effects apart.
    """
    n, k = design.shape
    if n <= k:
        return Refusal(f"{n} tasks cannot carry a regression of {k} coefficients: it needs more tasks")
    q, r = np.linalg.qr(design)
    sizes = np.abs(np.diag(r))
    if sizes.min() <= sizes.max() * _ROUNDING:
        return Refusal("a column of the regression is a combination of others, so their effects cannot be told apart")
    inverse = np.linalg.inv(r)
    coefficients = inverse @ (q.T @ outcome)
    leverage = np.einsum("ij,ij->i", q, q)
    return Fit(coefficients, outcome - design @ coefficients, design, inverse @ inverse.T, leverage)


def homoskedastic(fit: Fit) -> Floats:
    """The covariance of the coefficients, shape (k, k), where all errors have one variance."""
    n, k = fit.design.shape
    covariance: Floats = fit.residuals @ fit.residuals / (n - k) * fit.bread
    return covariance


def hc3(fit: Fit) -> Floats | Refusal:
    """The covariance, shape (k, k), where each error has a variance of its own.

    Refused where one outcome alone determines a coefficient: its residual is 0 whatever its error was.
    """
    if fit.leverage.max() > 1 - _ROUNDING:
        return Refusal("one task alone determines a coefficient, so nothing shows its error; it needs more such tasks")
    return _sandwich(fit, fit.design * (fit.residuals / (1 - fit.leverage))[:, None])


def clustered(fit: Fit, clusters: Integers) -> Floats | Refusal:
    """The covariance, shape (k, k), where errors within a cluster (a code from 0, shape (n,)) go together.

    Refused for a single cluster: nothing shows how clusters differ.
    """
    n, k = fit.design.shape
    groups = int(clusters.max()) + 1
    if groups < 2:
        return Refusal("all tasks are of one cluster: nothing shows how clusters differ; it needs at least two")
    scores = np.zeros((groups, k))
    np.add.at(scores, clusters, fit.design * fit.residuals[:, None])
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    return _sandwich(fit, scores * np.sqrt(factor))


def _sandwich(fit: Fit, scores: Floats) -> Floats:
    covariance: Floats = fit.bread @ (scores.T @ scores) @ fit.bread
    return covariance
