"""The registry's rules: what may be proposed, approved and published, and what is said by it. Pure: no clock, no I/O.

Versions are immutable, and of one scope at most one is in force at any moment. What takes the place of another says so in
its proposal: then the other is withdrawn, published again for what is left of its interval, and the new one published, all
at once. Which one counts for a moment outside the new one's interval does not change. See docs/adr/0010.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from contracts.events import PUBLISHED, WITHDRAWN
from contracts.registry import ProposedBaseline
from services.baselines.book import Book, Filed, State, Version, content_of
from services.baselines.estimates import rfc3339
from services.baselines.messages import Said, numbered
from services.baselines.proposals import Draft, Proposal, drafted
from services.domain.match import scope_of
from services.runtime.errors import Refused

LONGEST: Final = timedelta(days=731)
"""24 months at most; they are 730 days, or 731 where one of them has a 29 February."""
FEWEST_CLUSTERS: Final = 2
REPLACED: Final = "replaced"
"""The reason of a withdrawal whose place another version takes."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication says, and which versions are new or were published before. `again`: series whose events are told
    once more, since a crash may have come between storing and telling."""

    said: tuple[Said, ...]
    new: tuple[str, ...]
    unchanged: tuple[str, ...]
    again: frozenset[str]


def proposed(book: Book, draft: Draft, now: datetime) -> Proposal | Version:
    """The proposal that a draft makes, or the version that says the same already.

    Raises `Misconfigured` where it breaks the contract, `Refused` where it breaks a rule.
    """
    baseline = drafted(draft)
    if same := _same(book, baseline):
        return same
    name = f"{baseline.baseline}/{book.next_version(baseline.baseline)}"
    _must_stand(name, Proposal(baseline=baseline, retrospective=draft.retrospective), now)
    end = baseline.end
    way = book.in_the_way(scope_of(baseline), baseline.valid_from, end)
    if way and not draft.takes_over:
        raise _overlap(name, way, "propose it with --takes-over, which ends them where this one begins")
    replaces = tuple(version.subject for version in way)
    version = _number(book, baseline, way, end)
    return Proposal(
        baseline=baseline.model_copy(update={"version": version}), replaces=replaces, retrospective=draft.retrospective
    )


def approval(book: Book, filed: Filed, by: str, now: datetime) -> bool:
    """Whether this person's approval is new; if not, it was given before. Raises `Refused` where it may not be given."""
    proposal = filed.proposal
    what = f"the approval of {proposal.subject}"
    if by == proposal.baseline.proposed_by:
        raise Refused(what, f"{by} proposed it", "let a second person approve it")
    _must_be_open(book, filed, now)
    if any(one.approved_by == by for one in filed.approvals):
        return False
    if book.published_as(proposal) is not None:
        raise Refused(what, "it was published before", "nothing is left to approve")
    return True


def publication(book: Book, proposals: Sequence[Filed], now: datetime) -> Publication:
    """What is said by publishing these, one after the other; all or none. Raises `Refused`, `Misconfigured`."""
    everything: list[Said] = []
    new, unchanged, again = [], [], set[str]()
    for filed in proposals:
        proposal = filed.proposal
        _must_be_open(book, filed, now)
        if book.published_as(proposal) is not None:
            unchanged.append(proposal.subject)
            again |= {proposal.baseline.baseline, *(subject.rpartition("/")[0] for subject in proposal.replaces)}
            continue
        said = _said(book, filed)
        book = _after(book, said, now)
        everything += said
        new.append(proposal.subject)
    return Publication(tuple(everything), tuple(new), tuple(unchanged), frozenset(again))


def rehearsed(book: Book, filed: Filed, now: datetime) -> Book:
    """The book as publishing this proposal would leave it, whoever approves it. Raises as `publication` does."""
    _must_be_open(book, filed, now)
    proposal = filed.proposal
    approver = next(name for name in ("somebody", "another") if name != proposal.baseline.proposed_by)
    return _after(book, _in_place(book, proposal, approver), now)


def state(book: Book, filed: Filed, now: datetime) -> State:
    """How a proposal stands; once it is published, how its version does."""
    if version := book.published_as(filed.proposal):
        return version.state(now)
    if outdated(book, filed.proposal):
        return State.OUTDATED
    if filed.proposal.end <= now and not filed.proposal.retrospective:
        return State.EXPIRED
    return State.APPROVED if filed.approval else State.PROPOSED


def outdated(book: Book, proposal: Proposal) -> str:
    """Why what it rests on is not there any more; empty: it is."""
    if proposal.subject in book.versions:
        return f"{proposal.subject} is published with another content, and a published version never changes"
    replaced = [book.versions.get(subject) for subject in proposal.replaces]
    gone = [
        subject for subject, v in zip(proposal.replaces, replaced, strict=True) if v is None or v.withdrawn is not None
    ]
    if gone:
        return f"{gone[0]}, whose place it would take, is not in force any more"
    way = [version for version in replaced if version is not None]
    number = _number(book, proposal.baseline, way, proposal.end)
    if number != proposal.baseline.version:
        return f"the next version of {proposal.baseline.baseline} is {number}: others were published since"
    return ""


def _same(book: Book, baseline: ProposedBaseline) -> Version | None:
    """A version of the series that says this already, and was not withdrawn."""
    for version in book.series(baseline.baseline):
        numbered_so = baseline.model_copy(update={"version": version.baseline.version})
        if version.withdrawn is None and content_of(version.baseline) == content_of(numbered_so):
            return version
    return None


def _must_stand(name: str, proposal: Proposal, now: datetime) -> None:
    """Raises `Refused` where no baseline may be like this, whatever else is published."""
    baseline = proposal.baseline
    if baseline.clusters < FEWEST_CLUSTERS:
        raise Refused(
            name,
            "unsupported: a single case or team says nothing about the spread",
            f"gather evidence from at least {FEWEST_CLUSTERS} clusters; under 30 it is weak",
        )
    if baseline.p90_ms < baseline.median_ms:
        raise Refused(name, "its 90th percentile is below its median", "compute them again from the evidence")
    if baseline.expires_at - baseline.valid_from > LONGEST:
        raise Refused(
            name,
            "it would expire later than 24 months after valid_from",
            "let it expire within 24 months, and renew it from a holdout then (`frigjort baseline renew`)",
        )
    if proposal.end <= now and not proposal.retrospective:
        raise Refused(
            name,
            f"it expired at {rfc3339(proposal.end)}, so nothing that is completed from now on is measured against it",
            "propose one that begins where it ends; if it shall measure the past alone, propose it with --retrospective",
        )


def _must_be_open(book: Book, filed: Filed, now: datetime) -> None:
    """Raises `Refused` where a proposal may be neither approved nor published."""
    proposal = filed.proposal
    if version := book.published_as(proposal):
        if version.withdrawn is not None:
            reason = version.withdrawn.data.reason
            raise Refused(
                proposal.subject,
                f"it was published and withdrawn ({reason})",
                "propose the content again: it becomes the next version",
            )
        return
    if why := outdated(book, proposal):
        raise Refused(proposal.subject, why, "propose the content again: it becomes the next version")
    _must_stand(proposal.subject, proposal, now)


def _after(book: Book, said: Sequence[Said], now: datetime) -> Book:
    """The book once this is said. Raises `Misconfigured` where it breaks the contract."""
    return book.with_events(event for event, _ in numbered(said, book.newest + 1, now))


def _said(book: Book, filed: Filed) -> list[Said]:
    approved = filed.approval
    if approved is None:
        raise Refused(
            filed.proposal.subject,
            "nobody but its proposer has approved it",
            f"`frigjort baseline approve {filed.proposal.id[:12]} --by …` by a second person",
        )
    return _in_place(book, filed.proposal, approved.approved_by)


def _in_place(book: Book, proposal: Proposal, approved_by: str) -> list[Said]:
    """Withdrawals of what it replaces, the rests of these, then the proposal: at no number two are in force in a scope."""
    way = book.in_the_way(scope_of(proposal.baseline), proposal.begin, proposal.end)
    others = [version for version in way if version.subject not in proposal.replaces]
    if others:
        raise _overlap(proposal.subject, others, "withdraw what is in the way, or propose anew with --takes-over")
    said = [
        Said(
            WITHDRAWN,
            f"{version.subject}/withdrawn",
            {
                "baseline": version.baseline.baseline,
                "version": version.baseline.version,
                "reason": REPLACED,
                "withdrawn_by": approved_by,
            },
        )
        for version in way
    ]
    people = {"proposed_by": proposal.baseline.proposed_by, "approved_by": approved_by}
    rests = _rests(book, way, proposal.begin, proposal.end)
    contents = [*({**rest, **people} for rest in rests), {**_data(proposal.baseline), **people}]
    return [*said, *(Said(PUBLISHED, f"{data['baseline']}/{data['version']}", data) for data in contents)]


def _rests(book: Book, replaced: Sequence[Version], begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """What is left of replaced versions before and after an interval, each the next version of its series."""
    rests: list[dict[str, Any]] = []
    for version in replaced:
        before = {"valid_to": begin} if version.begin < begin else None
        after = {"valid_from": end} if end < version.end else None
        for part in (before, after):
            if part is not None:
                series = version.baseline.baseline
                number = book.next_version(series) + sum(rest["baseline"] == series for rest in rests)
                rests.append({**_data(version.baseline), **part, "version": number})
    return rests


def _number(book: Book, baseline: ProposedBaseline, way: Sequence[Version], end: datetime) -> int:
    """The version that a content gets: the next of its series, after the rests of what it replaces there."""
    rests = _rests(book, way, baseline.valid_from, end)
    in_front = [rest for rest in rests if rest["baseline"] == baseline.baseline]
    return book.next_version(baseline.baseline) + len(in_front)


def _data(baseline: ProposedBaseline) -> dict[str, Any]:
    return {name: value for name, value in content_of(baseline).items() if value is not None}


def _overlap(name: str, way: Sequence[Version], remedy: str) -> Refused:
    listed = ", ".join(f"{version.subject} ({rfc3339(version.begin)} to {rfc3339(version.end)})" for version in way)
    return Refused(
        name,
        f"its interval overlaps that of {listed}, in the same scope",
        f"let it begin at {rfc3339(max(version.end for version in way))} or later, or {remedy}",
    )
