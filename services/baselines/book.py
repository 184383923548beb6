"""All that the registry knows at one moment: what is published, withdrawn, proposed and approved. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from contracts.events import BaselinePublished, BaselineWithdrawn, RegistryEvent, identifier_of
from contracts.registry import Baseline, ProposedBaseline
from services.baselines.proposals import Proposal
from services.domain.match import Registry, Scope, scope_of
from services.runtime.errors import Misconfigured

_FIELDS: Final = set(ProposedBaseline.model_fields)
_PREFIX: Final = re.compile(r"^[0-9a-f]{8,64}$")


class State(StrEnum):
    """How a proposal or a version stands. Expired: its interval is over. Outdated: what it rests on has changed since it
    was proposed, so it cannot be published any more."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version, and its withdrawal if there is one."""

    published: BaselinePublished
    withdrawn: BaselineWithdrawn | None = None

    @property
    def baseline(self) -> Baseline:
        """Its content."""
        return self.published.data

    @property
    def subject(self) -> str:
        """SERIES/VERSION."""
        return identifier_of(self.published)

    @property
    def begin(self) -> datetime:
        """From when it is in force."""
        return self.baseline.valid_from

    @property
    def end(self) -> datetime:
        """Until when it is in force, exclusive."""
        return self.baseline.end

    def state(self, now: datetime) -> State:
        """How it stands."""
        if self.withdrawn is not None:
            return State.WITHDRAWN
        return State.EXPIRED if self.end <= now else State.PUBLISHED


@dataclass(frozen=True, slots=True, order=True)
class Approval:
    """Who approved a proposal, and when first."""

    approved_at: datetime
    approved_by: str


@dataclass(frozen=True, slots=True)
class Filed:
    """A proposal as it lies in the registry, its approvals in their order. What its proposer approved does not count."""

    proposal: Proposal
    proposed_at: datetime
    approvals: tuple[Approval, ...] = ()

    @property
    def approval(self) -> Approval | None:
        """The first one by a second identity."""
        others = [one for one in self.approvals if one.approved_by != self.proposal.baseline.proposed_by]
        return min(others, default=None)


@dataclass(frozen=True, slots=True)
class Book:
    """What the registry has said, and what lies in it. `events` in the order of generations; `versions` by SERIES/VERSION in
    that order, and which of them (by SERIES/VERSION) are of a series, of a scope; `filed` by id in the order of proposing, and
    by what they would become."""

    events: tuple[RegistryEvent, ...]
    versions: Mapping[str, Version]
    of_series: Mapping[str, tuple[str, ...]]
    of_scope: Mapping[Scope, tuple[str, ...]]
    filed: Mapping[str, Filed]
    becoming: Mapping[str, tuple[Filed, ...]]

    @classmethod
    def of(cls, registry: Registry, filed: Iterable[Filed]) -> "Book":
        """From all that was heard: a number that is missing in between makes nothing unsaid."""
        in_order = sorted(filed, key=lambda one: (one.proposed_at, one.proposal.id))
        becoming: dict[str, tuple[Filed, ...]] = {}
        for one in in_order:
            becoming[one.proposal.subject] = (*becoming.get(one.proposal.subject, ()), one)
        empty = cls((), {}, {}, {}, {one.proposal.id: one for one in in_order}, becoming)
        return empty.with_events(event for _, event in sorted(registry.heard.items()))

    def with_events(self, events: Iterable[RegistryEvent]) -> "Book":
        """The book after these were said too, in this order."""
        more = tuple(events)
        versions, of_series, of_scope = dict(self.versions), dict(self.of_series), dict(self.of_scope)
        for event in more:
            if isinstance(event, BaselinePublished):
                subject, series, scope = identifier_of(event), event.data.baseline, scope_of(event.data)
                versions[subject] = Version(event)
                of_series[series] = (*of_series.get(series, ()), subject)
                of_scope[scope] = (*of_scope.get(scope, ()), subject)
            elif isinstance(event, BaselineWithdrawn):
                subject = f"{event.data.baseline}/{event.data.version}"
                if subject in versions and versions[subject].withdrawn is None:
                    versions[subject] = replace(versions[subject], withdrawn=event)
        return replace(self, events=self.events + more, versions=versions, of_series=of_series, of_scope=of_scope)

    @property
    def registry(self) -> Registry:
        """What a collector that has heard all this measures against."""
        return Registry().apply(self.events)

    @property
    def newest(self) -> int:
        """The highest generation that was given; 0 for none."""
        return self.events[-1].data.generation if self.events else 0

    def series(self, name: str) -> list[Version]:
        """The versions of a series, the oldest first."""
        return [self.versions[subject] for subject in self.of_series.get(name, ())]

    def next_version(self, series: str) -> int:
        """The number that the series' next version gets."""
        return max((version.baseline.version for version in self.series(series)), default=0) + 1

    def in_the_way(self, scope: Scope, begin: datetime, end: datetime) -> list[Version]:
        """What is published for this scope, not withdrawn, and in force at any moment of [begin, end)."""
        of_scope = (self.versions[subject] for subject in self.of_scope.get(scope, ()))
        return [v for v in of_scope if v.withdrawn is None and v.begin < end and begin < v.end]

    def published_as(self, proposal: Proposal) -> Version | None:
        """The version that this proposal has become; none, if it has not, or if its number has another content."""
        version = self.versions.get(proposal.subject)
        same = version is not None and content_of(version.baseline) == content_of(proposal.baseline)
        return version if same else None

    def proposal_of(self, version: Version) -> Filed | None:
        """The proposal that has become this version; none: it is the rest of one that was replaced."""
        filed = self.becoming.get(version.subject, ())
        return next((one for one in filed if content_of(one.proposal.baseline) == content_of(version.baseline)), None)

    def proposal(self, name: str) -> Filed:
        """A proposal by its id, the beginning of it (8 characters or more), or SERIES/VERSION where one alone has it.
        Raises `Misconfigured` where there is none, or more than one."""
        found = self._filed(name)
        if len(found) > 1:
            ids = ", ".join(one.proposal.id[:12] for one in found)
            raise Misconfigured(name, f"several proposals are meant: {ids}; name one by its id")
        if not found:
            raise Misconfigured(name, "no such proposal: see `frigjort baseline list`")
        return found[0]

    def entry(self, name: str) -> Version | Filed:
        """A published version by SERIES/VERSION, else a proposal as `proposal` finds it. Raises `Misconfigured`."""
        return self.versions.get(name) or self.proposal(name)

    def _filed(self, name: str) -> list[Filed]:
        if _PREFIX.match(name) and (found := [one for id_, one in self.filed.items() if id_.startswith(name)]):
            return found
        named = self.becoming.get(name, ())
        return [one for one in named if self.published_as(one.proposal)] or [*named]


def content_of(baseline: ProposedBaseline) -> dict[str, object]:
    """What was proposed of a baseline: all but generation and approver."""
    return baseline.model_dump(include=_FIELDS)
