"""What is added up of treated and control tasks: the input of the drift and of the adjusted saving, checked."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from services.domain.arrays import Codes, Integers, Mask
from services.domain.clusters.codes import Column, Names, chosen, combined, equal_to, numbered
from services.domain.effect.baseline_errors import NO_BASELINE, BaselineError

_ROLES: Final = {"treated", "control"}


@dataclass(frozen=True, slots=True)
class ArmSums:
    """Sums over measured tasks per (authority, task type, complexity, role, cluster, baseline version), shape (m,).

    `role` is "treated" or "control" (`role_of`). `n` tasks, of which `n_credit` earn the credit of `baseline`;
    `effort_ms` of all, `credit_ms` of those that earn some: effort without credit stands in full against a credit of 0.
    `baseline` is ignored where no task earns credit. Cluster tokens are unique within an authority; a task without one is
    a cluster of its own. Rows of one key may come in parts, and all rows in any order.
    """

    authority: Column
    task_type: Column
    complexity: Column
    role: Column
    cluster: Column
    baseline: Column
    n: Integers
    n_credit: Integers
    effort_ms: Integers
    credit_ms: Integers

    def only(self, rows: Mask) -> "ArmSums":
        """The rows where the mask is true."""
        return ArmSums(
            authority=chosen(self.authority, rows),
            task_type=chosen(self.task_type, rows),
            complexity=chosen(self.complexity, rows),
            role=chosen(self.role, rows),
            cluster=chosen(self.cluster, rows),
            baseline=chosen(self.baseline, rows),
            n=self.n[rows],
            n_credit=self.n_credit[rows],
            effort_ms=self.effort_ms[rows],
            credit_ms=self.credit_ms[rows],
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """The same in numbers, shape (m,): places in the sorted names; `baseline` is a place in `errors`, or `NO_BASELINE`.
    `cluster` numbers the tokens of all authorities."""

    authorities: Names
    task_types: Names
    complexities: Names
    errors: Sequence[BaselineError]
    authority: Codes
    task_type: Codes
    complexity: Codes
    cluster: Codes
    control: npt.NDArray[np.bool_]
    baseline: Codes
    n: Integers
    n_credit: Integers
    effort_ms: Integers
    credit_ms: Integers

    @classmethod
    def of(cls, sums: ArmSums, errors: Iterable[BaselineError]) -> "Rows":
        """Reads and checks. Raises `ValueError` that says what is wrong and what to do."""
        _check(sums)
        authorities, authority = numbered(sums.authority)
        task_types, task_type = numbered(sums.task_type)
        complexities, complexity = numbered(sums.complexity)
        known, baseline = _baselines(sums, errors)
        return cls(
            authorities=authorities,
            task_types=task_types,
            complexities=complexities,
            errors=known,
            authority=authority,
            task_type=task_type,
            complexity=complexity,
            cluster=combined(authority, numbered(sums.cluster)[1]),
            control=equal_to(sums.role, "control"),
            baseline=baseline,
            n=sums.n,
            n_credit=sums.n_credit,
            effort_ms=sums.effort_ms,
            credit_ms=sums.credit_ms,
        )


def _check(sums: ArmSums) -> None:
    columns = (sums.authority, sums.task_type, sums.complexity, sums.role, sums.cluster, sums.baseline)
    lengths = {len(column) for column in (*columns, sums.n, sums.n_credit, sums.effort_ms, sums.credit_ms)}
    if len(lengths) > 1:
        raise ValueError(f"columns of different lengths {sorted(lengths)}: give one value a row in each")
    others = set(numbered(sums.role)[0].tolist()) - _ROLES
    if others:
        raise ValueError(f"role {min(others)!r}: only treated and control tasks enter; leave the others out")
    if np.any((sums.n_credit < 0) | (sums.n_credit > sums.n) | (sums.effort_ms < 0) | (sums.credit_ms < 0)):
        raise ValueError("a sum below 0, or more tasks with credit than tasks: add up measured tasks, each once")
    if np.any((sums.n_credit == 0) & (sums.credit_ms > 0)):
        raise ValueError(
            "credit in a row where no task earns any: n_credit counts the tasks whose credit is in credit_ms"
        )


def _baselines(sums: ArmSums, errors: Iterable[BaselineError]) -> tuple[list[BaselineError], Codes]:
    """The errors of the versions that give credit, in the order of their names, and each row's place among them."""
    given = {error.baseline: error for error in errors}
    names, code = numbered(sums.baseline)
    used = np.zeros(len(names), dtype=np.bool_)
    used[code[sums.n_credit > 0]] = True
    wanted = [str(name) for name in names[used]]
    unknown = [name for name in wanted if name not in given]
    if unknown:
        raise ValueError(f"nothing is known of baseline {unknown[0]!r}: give its source, standard error and tau")
    place = np.where(used, np.cumsum(used) - 1, NO_BASELINE)
    return [given[name] for name in wanted], np.where(sums.n_credit > 0, place[code], NO_BASELINE)
