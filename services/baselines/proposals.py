"""What is proposed: a baseline version and the published versions whose place it takes. Pure.

A proposal's id is the digest of its content, so proposing twice is proposing once, and who approves an id approves this
content and no other.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from pydantic import ValidationError

from contracts.codes import EXPLANATIONS, RejectionCode
from contracts.fields import Closed, Token
from contracts.identifiers import holds_personal_number
from contracts.reading import violation_of
from contracts.registry import ProposedBaseline
from services.runtime.errors import Halt, Misconfigured

_CONTRADICTIONS: Final = (
    "an authority stands with level authority alone, a sector with level sector alone; valid_to is after valid_from and "
    "window_to after window_from; there are no more clusters than tasks; mean and standard error at half and at double the cap "
    "stand together and with cap_ms alone, and a mean does not fall where the cap rises"
)


class Proposal(Closed):
    """A baseline version that awaits approval and publication.

    `replaces`: the published versions (SERIES/VERSION) that are in its way, and whose place it takes in its interval.
    `retrospective`: it measures the past alone, so it may have expired.
    """

    baseline: ProposedBaseline
    replaces: tuple[Token, ...] = ()
    retrospective: bool = False

    @property
    def payload(self) -> bytes:
        """Its content in the one form that the id is the digest of."""
        return msgspec.json.encode(self.model_dump(mode="json", exclude_none=True), order="sorted")

    @property
    def id(self) -> str:
        """SHA-256 of the payload, hex."""
        return hashlib.sha256(self.payload).hexdigest()

    @property
    def subject(self) -> str:
        """SERIES/VERSION: what it becomes by publication."""
        return f"{self.baseline.baseline}/{self.baseline.version}"

    @property
    def begin(self) -> datetime:
        """From when it would be in force."""
        return self.baseline.valid_from

    @property
    def end(self) -> datetime:
        """Until when it would be in force, exclusive."""
        return self.baseline.end


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants proposed: the fields of `contracts.registry.ProposedBaseline` but the version, which follows
    from what is published. `takes_over`: it shall take the place of what is in its way."""

    content: Mapping[str, Any]
    takes_over: bool = False
    retrospective: bool = False

    @property
    def name(self) -> str:
        """The series, as it was given."""
        return str(self.content.get("baseline", "a baseline without a series"))


def drafted(draft: Draft) -> ProposedBaseline:
    """The content of a draft as version 1. Raises `Misconfigured` that names the field, the rule and what to do."""
    if "grade" in draft.content:
        raise Misconfigured(draft.name, "grade: it follows from the method and cannot be given: leave it out")
    given = {name: value for name, value in draft.content.items() if value is not None}
    if any(map(holds_personal_number, _strings(given))):
        raise Misconfigured(draft.name, EXPLANATIONS[RejectionCode.PERSONAL_NUMBER].remedy)
    try:
        return ProposedBaseline.model_validate({**given, "version": 1})
    except ValidationError as error:
        found = violation_of(error)
    if found.code == RejectionCode.INCONSISTENT:
        raise Misconfigured(draft.name, f"two fields contradict each other: {_CONTRADICTIONS}")
    if found.code == RejectionCode.MISSING_FIELD:
        raise Misconfigured(draft.name, f"{found.path} is missing: no baseline without its numbers and their evidence")
    known = EXPLANATIONS[found.code]
    raise Misconfigured(draft.name, f"{found.path}: {known.meaning}; {known.remedy}")


def stored(id_: str, payload: bytes) -> Proposal:
    """A proposal that was stored. Raises `Halt` where it is not what its id says: somebody changed it behind the registry."""
    remedy = "find out who changed the table `proposals`; the proposal can be made anew"
    try:
        proposal = Proposal.model_validate_json(payload)
    except ValidationError as error:
        raise Halt("the registry", f"proposal {id_} breaks the contract", remedy) from error
    if proposal.id != id_:
        raise Halt("the registry", f"proposal {id_} has another content than its id says", remedy)
    return proposal


def _strings(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        for child in node.values():
            yield from _strings(child)
