"""Which tasks a baseline is for."""

from dataclasses import dataclass
from datetime import datetime

from contracts.events import epoch_ms
from contracts.registry import ProposedBaseline
from services.domain.match import Registry


@dataclass(frozen=True, slots=True)
class Place:
    """Tasks of one task type ("": of each) and complexity ("any": of each), completed in [begin, end), of some authorities
    (`None`: all). `whose`: what these are called, the CVR number, the sector, or `nation`."""

    whose: str
    authorities: tuple[str, ...] | None
    task_type: str
    complexity: str
    begin: datetime
    end: datetime

    def parameters(self) -> dict[str, object]:
        """As parameters of a query, moments in milliseconds since 1970 UTC."""
        return {
            "everybody": self.authorities is None,
            "authorities": list(self.authorities or ()),
            "task_type": self.task_type,
            "complexity": self.complexity,
            "begin": epoch_ms(self.begin),
            "end": epoch_ms(self.end),
        }


def place_of(baseline: ProposedBaseline, registry: Registry, begin: datetime, end: datetime) -> Place:
    """The tasks in the baseline's scope that were completed in [begin, end): whether it is the most specific one for them is
    not asked."""
    whose = baseline.authority or baseline.sector or "nation"
    if baseline.level == "authority":
        authorities: tuple[str, ...] | None = (whose,)
    elif baseline.level == "sector":
        known = registry.authorities().items()
        authorities = tuple(sorted(cvr for cvr, authority in known if authority.sector == baseline.sector))
    else:
        authorities = None
    return Place(whose, authorities, baseline.task_type, baseline.complexity, begin, end)
