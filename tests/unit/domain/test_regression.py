"""Least squares and its three kinds of errors: by hand, and against another implementation's figures."""

import numpy as np
import pytest

from services.domain.refusal import Refusal
from services.domain.regression import Fit, clustered, hc3, homoskedastic, ols

# Two groups: control 1, 3 and treated 2, 4, 6. The second coefficient is the difference of means, 4 - 2.
TREATED = np.array([0.0, 0, 1, 1, 1])
OUTCOME = np.array([1.0, 3, 2, 4, 6])
CLUSTER = np.array([0, 1, 0, 1, 2])
STATSMODELS = {
    "coefficients": [-0.12541199389, 0.340081909833, 0.559683460569],
    "nonrobust": [0.35213834971, 0.230963475688, 0.139433550703],
    "HC3": [0.375651305122, 0.240881292878, 0.148439435402],
    "cluster": [0.342313990626, 0.43672931635, 0.143865458791],
}


def fitted(design: np.ndarray, outcome: np.ndarray) -> Fit:
    fit = ols(design, outcome)
    assert isinstance(fit, Fit)
    return fit


@pytest.fixture
def two_groups() -> Fit:
    return fitted(np.stack([np.ones(5), TREATED], axis=1), OUTCOME)


def test_the_coefficients_are_the_means(two_groups: Fit) -> None:
    assert two_groups.coefficients == pytest.approx([2, 2])
    assert two_groups.residuals == pytest.approx([-1, 1, -2, 0, 2])


def test_homoskedastic_by_hand(two_groups: Fit) -> None:
    # Residual variance (1 + 1 + 4 + 0 + 4)/(5 - 2), times 1/2 + 1/3.
    assert homoskedastic(two_groups)[1, 1] == pytest.approx(10 / 3 * 5 / 6)


def test_hc3_by_hand(two_groups: Fit) -> None:
    # Residuals over 1 - 1/n of their group, squared, over n²: control (1/0.5)²·2/4, treated (2/(2/3))²·2/9.
    found = hc3(two_groups)
    assert not isinstance(found, Refusal)
    assert found[1, 1] == pytest.approx(2 + 2)


def test_clustered_by_hand(two_groups: Fit) -> None:
    # A cluster's influence: treated residuals/3 - control residuals/2, so -1/6, -1/2, 2/3; times 3/2 · 4/3.
    found = clustered(two_groups, CLUSTER)
    assert not isinstance(found, Refusal)
    assert found[1, 1] == pytest.approx(2 * (1 + 9 + 16) / 36)


def test_the_errors_of_statsmodels() -> None:
    # statsmodels 0.15.0 on these numbers: OLS(y, X).fit(), cov_type "nonrobust", "HC3" and "cluster" with its defaults.
    i = np.arange(40)
    design = np.stack([np.ones(40), i % 2, np.log(1.0 + i * 7 % 23)], axis=1)
    outcome = np.sin(i) + 0.3 * (i % 2) + 0.5 * design[:, 2]
    fit = fitted(design, outcome)
    robust, by_cluster = hc3(fit), clustered(fit, i % 9)
    assert not isinstance(robust, Refusal)
    assert not isinstance(by_cluster, Refusal)
    assert fit.coefficients == pytest.approx(STATSMODELS["coefficients"], rel=1e-9)
    assert np.sqrt(np.diag(homoskedastic(fit))) == pytest.approx(STATSMODELS["nonrobust"], rel=1e-9)
    assert np.sqrt(np.diag(robust)) == pytest.approx(STATSMODELS["HC3"], rel=1e-9)
    assert np.sqrt(np.diag(by_cluster)) == pytest.approx(STATSMODELS["cluster"], rel=1e-9)


def test_what_cannot_be_told_apart_is_refused() -> None:
    same = ols(np.stack([np.ones(5), TREATED, 1 - TREATED], axis=1), OUTCOME)
    assert isinstance(same, Refusal)
    assert "combination" in same.reason
    few = ols(np.eye(3), np.ones(3))
    assert isinstance(few, Refusal)
    assert "3 tasks cannot carry a regression of 3 coefficients" in few.reason


def test_errors_that_nothing_shows_are_refused() -> None:
    alone = fitted(np.stack([np.ones(4), [0, 0, 0, 1]], axis=1), np.array([1.0, 2, 4, 9]))
    robust = hc3(alone)
    assert isinstance(robust, Refusal)
    assert "one task alone" in robust.reason
    one = clustered(alone, np.zeros(4, dtype=np.int64))
    assert isinstance(one, Refusal)
    assert "one cluster" in one.reason
