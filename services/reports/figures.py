"""The net hours of a group with their unadjusted interval: what can be said of every group, whatever control it has."""

from dataclasses import dataclass

from services.domain.effect.adjusted import treated_net
from services.domain.effect.drift import drift
from services.domain.effect.net import NetInterval
from services.domain.sums import arm_sums
from services.reports import inputs
from services.reports.clickhouse import ReportStore
from services.reports.group import LAST, Group


@dataclass(frozen=True, slots=True)
class Figure:
    """What is known of a group. `net` is of its treated tasks; `drift` of its control and comparison tasks, against their
    baselines."""

    tasks: int
    measured: int
    unmeasured: int
    incomplete: int
    capped: int
    net: NetInterval
    drift: float | None


def figure(store: ReportStore, group: Group) -> Figure:
    """The figure of a group as ClickHouse has it now. Raises `Retry` or `Halt`."""
    counts = store.counts(group)
    return Figure(
        tasks=counts.tasks,
        measured=counts.tasks - counts.unmeasured - counts.incomplete,
        unmeasured=counts.unmeasured,
        incomplete=counts.incomplete,
        capped=counts.capped,
        net=treated_net(arm_sums(store.sums(group, LAST)), inputs.baseline_errors(store.baselines())),
        drift=drift(*store.without_ai(group)),
    )
