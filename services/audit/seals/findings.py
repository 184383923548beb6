"""What can be found when history is verified."""

from dataclasses import dataclass
from enum import StrEnum

from services.domain.accounts import Place


class Kind(StrEnum):
    """What is wrong. The names are stable: fields of `--json`.

    `ALTERED`: a row is not what its digest, leaf or payload says. `MISSING`: rows that were there are not. `ADDED`: a second
    content at a coordinate. `NOT_AS_SEALED`: rows that agree with themselves and not with their seal. `SEAL`: a seal is not
    what its records say. `SEAL_MISSING`: one that was made is gone. `NOT_AS_KEPT`: the records are not those of a checkpoint
    that was kept elsewhere. `PAYLOAD_MISSING`: gone, and no erasure says so. `NOT_ERASED`: an erasure says that it is gone, and
    it is not. `UNKNOWN_RULES`: judged by a newer release than this one. `UNSEALED`: nobody has sealed what is long due.
    """

    ALTERED = "altered"
    MISSING = "missing"
    ADDED = "added"
    NOT_AS_SEALED = "not_as_sealed"
    SEAL = "seal"
    SEAL_MISSING = "seal_missing"
    NOT_AS_KEPT = "not_as_kept"
    PAYLOAD_MISSING = "payload_missing"
    NOT_ERASED = "not_erased"
    UNKNOWN_RULES = "unknown_rules"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was stored: in which table, at which offsets (of the registry: generations), and what."""

    kind: Kind
    table: str
    place: Place
    offset: int
    what: str
    last_offset: int | None = None
    """Where it is a range, or only known to lie in one."""

    @property
    def coordinate(self) -> str:
        """`log_no/topic/partition/offset`, or a range of offsets."""
        last = "" if self.last_offset in {None, self.offset} else f"–{self.last_offset}"
        return "/".join(map(str, self.place)) + f"/{self.offset}{last}"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one row by itself."""

    kind: Kind
    table: str
    what: str
