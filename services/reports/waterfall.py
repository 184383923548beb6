"""From gross to adjusted hours of a group, step by step, and what of it is confirmed to be used."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from services.domain.effect.headline import Headline
from services.domain.effect.refusal import Refusal
from services.domain.effect.waterfall import Step, waterfall
from services.domain.sums import step_sums
from services.domain.tables import equals
from services.reports.basis import About, Basis, about, at_other_caps, basis
from services.reports.clickhouse import OtherCap, ReportStore
from services.reports.group import Group


@dataclass(frozen=True, slots=True)
class Use:
    """Hours that benefit owners confirmed are used for something, milliseconds; `faulty` confirmations are of
    authorities that have one at fault, and not in it."""

    use: str
    realised_ms: int
    confirmations: int
    faulty: int


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps under one idle cap for each baseline, and the headline that they end in."""

    headline: Headline
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A report. `fixed`: at the cap that was fixed before AI; `other_caps` the same at half and at double that, empty where no
    baseline of these tasks carries a cap. `realised` is `None` where the group is narrower than what benefit owners confirm."""

    about: About
    fixed: Steps
    other_caps: dict[OtherCap, Steps | Refusal]
    realised: tuple[Use, ...] | None


def waterfall_of(store: ReportStore, group: Group, now: datetime) -> Waterfall:
    """The report of a group as ClickHouse holds it now. Raises `Retry` or `Halt`."""
    found, table = about(store, group, now)
    return Waterfall(
        about=found,
        fixed=_steps(store, basis(store, group, found.minimum, table)),
        other_caps=at_other_caps(store, group, found.minimum, _steps),
        realised=_realised(store, group),
    )


def _steps(_: ReportStore, rests_on: Basis) -> Steps:
    kept = rests_on.table.filter(pa.array(rests_on.headline.kept & equals(rests_on.table, "role", "treated")))
    steps = waterfall(step_sums(kept), rests_on.errors, rests_on.headline.saving)
    return Steps(rests_on.headline, steps)


def _realised(store: ReportStore, group: Group) -> tuple[Use, ...] | None:
    if group.task_type or group.complexity or group.study:
        return None
    return tuple(Use(*row) for row in store.realised(group))
