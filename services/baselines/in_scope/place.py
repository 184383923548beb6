"""Which tasks a baseline is for."""

from dataclasses import dataclass
from datetime import datetime

from contracts.registry import ProposedBaseline
from services.domain.match import Registry


@dataclass(frozen=True, slots=True)
class Place:
    """Tasks of one task type and complexity ("any": of each), completed in [begin, end), of some authorities; `None`: all."""

    authorities: tuple[str, ...] | None
    task_type: str
    complexity: str
    begin: datetime
    end: datetime


def place_of(baseline: ProposedBaseline, registry: Registry, begin: datetime, end: datetime) -> Place:
    """The tasks in the baseline's scope that were completed in [begin, end): whether it is the most specific one for them is
    not asked."""
    if baseline.level == "authority":
        authorities: tuple[str, ...] | None = (str(baseline.authority),)
    elif baseline.level == "sector":
        known = registry.authorities().items()
        authorities = tuple(sorted(cvr for cvr, authority in known if authority.sector == baseline.sector))
    else:
        authorities = None
    return Place(authorities, baseline.task_type, baseline.complexity, begin, end)
