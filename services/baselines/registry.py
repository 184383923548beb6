"""The one writer of the registry: numbers what it publishes, stores it, then tells Kafka.

Invariant: what is in the topic is in ClickHouse. Publishing what is stored already changes nothing and sends it again
under its own number: so a crash between storing and telling is mended by running the same command again, or by
`republish`. One process at a time may publish (`claims`); were there two, one number could get two contents, and every
collector would halt rather than choose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from contracts import topics
from contracts.events import REGISTERED, WITHDRAWN, RegistryEvent
from services.baselines.book import Approval, Book, Filed, Version
from services.baselines.claims import Claims, Unsure, alone
from services.baselines.messages import Said, message, numbered, registry_of
from services.baselines.proposals import Draft, Proposal, stored
from services.baselines.workflow import Publication, approval, proposed, publication
from services.runtime.errors import Misconfigured, Retry


class Store(Claims, Protocol):
    """What the registry keeps."""

    def generation(self) -> int:
        """The highest number given."""
        ...

    def published_until(self) -> datetime:
        """When the newest event was published; long ago for none."""
        ...

    def payloads(self) -> list[bytes]:
        """All events, in the order of their numbers."""
        ...

    def insert(self, events: Sequence[tuple[RegistryEvent, bytes]]) -> None:
        """Stores new events."""
        ...

    def bound(self) -> dict[str, tuple[int, set[str]]]:
        """Topic to (highest log number, its topic ids)."""
        ...

    def bind(self, bindings: Sequence[tuple[str, int, str]]) -> None:
        """Binds (topic, log number, topic id)."""
        ...

    def authorities(self) -> list[dict[str, Any]]:
        """The newest version of each authority."""
        ...

    def proposals(self) -> list[tuple[str, bytes, datetime]]:
        """Every proposal: id, content, when it was proposed first."""
        ...

    def approvals(self) -> list[tuple[str, str, datetime]]:
        """Every approval: of which proposal (id), by whom, when first."""
        ...

    def insert_proposals(self, proposals: Sequence[tuple[Proposal, datetime]]) -> None:
        """Stores proposals with their time."""
        ...

    def insert_approvals(self, approvals: Sequence[tuple[str, str, datetime]]) -> None:
        """Stores approvals: of which proposal (id), by whom, when."""
        ...


class Log(Protocol):
    """What the registry needs of Kafka."""

    def ensure_topics(self, wanted: Mapping[str, Mapping[str, str]], partitions: int = 1) -> None:
        """Creates topics that are missing."""
        ...

    def ensure_shared_topics(self) -> None:
        """Creates the registry's own topics."""
        ...

    def topic_ids(self, names: Sequence[str]) -> dict[str, str]:
        """The incarnation of each topic."""
        ...

    def publish(self, events: Sequence[tuple[bytes, bytes]]) -> int:
        """Sends (key, event) in order."""
        ...


@dataclass(frozen=True, slots=True)
class Approved:
    """Which versions (SERIES/VERSION) stand approved, and how many of these approvals are new."""

    subjects: tuple[str, ...]
    new: int


@dataclass(frozen=True, slots=True)
class Registry:
    """Publishes authorities and baselines. Another writer is waited for as long as `patience_seconds`, then `Halt` is raised."""

    store: Store
    log: Log
    patience_seconds: float = 20.0

    def add_authorities(self, authorities: Sequence[Mapping[str, Any]], now: datetime, partitions: int = 1) -> int:
        """Registers authorities (authority, name, sector …), creates and binds their topics; how many are new.

        An authority that is registered with the same name and sector already is left as it is. Raises `Misconfigured`
        where one breaks the contract; then none is registered.
        """
        with alone(self.store, self.patience_seconds):
            return self._add_authorities(authorities, now, partitions)

    def _add_authorities(self, authorities: Sequence[Mapping[str, Any]], now: datetime, partitions: int) -> int:
        known = {entry["authority"]: entry for entry in self.store.authorities()}
        changed, unchanged = [], set()
        for authority in authorities:
            before = known.get(authority["authority"])
            if before is not None and (before["name"], before["sector"]) == (authority["name"], authority["sector"]):
                unchanged.add(f"authority/{authority['authority']}/{before['version']}")
                continue
            version = 1 if before is None else int(before["version"]) + 1
            data = {**authority, "version": version}
            changed.append(Said(REGISTERED, f"authority/{authority['authority']}/{version}", data))
        self._say(changed, unchanged, now)
        self.bind_topics([str(authority["authority"]) for authority in authorities], partitions)
        return len(changed)

    def book(self) -> Book:
        """What is published and proposed now. Raises `Halt` where it contradicts itself."""
        given: dict[str, list[Approval]] = {}
        for proposal, approved_by, approved_at in self.store.approvals():
            given.setdefault(proposal, []).append(Approval(approved_at, approved_by))
        filed = [
            Filed(stored(id_, payload), proposed_at, tuple(sorted(given.get(id_, ()))))
            for id_, payload, proposed_at in self.store.proposals()
        ]
        return Book.of(registry_of(self.store.payloads()), filed)

    def propose(self, drafts: Sequence[Draft], now: datetime) -> list[Proposal | Version]:
        """Files what awaits approval: per draft its proposal, or the version that says the same already.

        All or none; proposing again changes nothing. Raises `Misconfigured` or `Refused`.
        """
        book = self.book()
        found = [proposed(book, draft, now) for draft in drafts]
        self.store.insert_proposals([(one, now) for one in found if isinstance(one, Proposal)])
        return found

    def approve(self, names: Sequence[str], by: str, now: datetime) -> Approved:
        """Approves proposals (ids, beginnings of ids, SERIES/VERSION) as a second identity; all or none.

        Raises `Misconfigured` where there is no such proposal, `Refused` where `by` proposed it, or it cannot be
        published any more.
        """
        book = self.book()
        filed = _distinct(book, names)
        new = [one for one in filed if approval(book, one, by, now)]
        self.store.insert_approvals([(one.proposal.id, by, now) for one in new])
        return Approved(tuple(one.proposal.subject for one in filed), len(new))

    def publish(self, names: Sequence[str], now: datetime) -> Publication:
        """Publishes approved proposals (named as for `approve`); all or none.

        Each becomes the version that it names. What is published already is left as it is and told again. Raises
        `Misconfigured` where there is no such proposal, `Refused` where nobody approved it, where its interval overlaps
        another's of its scope, or where what it rests on has changed since.
        """
        with alone(self.store, self.patience_seconds):
            book = self.book()
            found = publication(book, _distinct(book, names), now)
            again = {v.subject for v in book.versions.values() if v.baseline.baseline in found.again}
            self._say(found.said, again | {f"{subject}/withdrawn" for subject in again}, now)
            return found

    def withdraw(self, baseline: str, version: int, reason: str, withdrawn_by: str, now: datetime) -> bool:
        """Withdraws a published version, so that it is not matched any more; whether it was in force until now.

        What is withdrawn already stays as it was said first, and is only told again. Raises `Misconfigured` where no
        such version was published, or where `reason` or `withdrawn_by` is no token of the contract.
        """
        with alone(self.store, self.patience_seconds):
            return self._withdraw(baseline, version, reason, withdrawn_by, now)

    def _withdraw(self, baseline: str, version: int, reason: str, withdrawn_by: str, now: datetime) -> bool:
        identifier = f"{baseline}/{version}"
        subjects = {message(payload)[0].decode() for payload in self.store.payloads()}
        if identifier not in subjects:
            raise Misconfigured(identifier, "no such version was published: see `frigjort baseline list`")
        subject = f"{identifier}/withdrawn"
        if subject in subjects:
            self._say([], {subject}, now)
            return False
        data = {"baseline": baseline, "version": version, "reason": reason, "withdrawn_by": withdrawn_by}
        self._say([Said(WITHDRAWN, subject, data)], set(), now)
        return True

    def republish(self) -> int:
        """Sends everything that is stored again, under its own numbers; how many events."""
        return self.log.publish([message(payload) for payload in self.store.payloads()])

    def bind_topics(self, authorities: Sequence[str], partitions: int = 1) -> int:
        """Creates the authorities' topics and binds each new incarnation to the next log number; how many."""
        if not authorities:
            return 0
        names = [topics.tasks_topic(authority) for authority in authorities]
        self.log.ensure_topics(dict.fromkeys(names, topics.TASKS_CONFIG), partitions)
        bound = self.store.bound()
        new = []
        for name, topic_id in self.log.topic_ids(names).items():
            log_no, ids = bound.get(name, (0, set()))
            if topic_id not in ids:
                new.append((name, log_no + 1, topic_id))
        self.store.bind(new)
        return len(new)

    def _say(self, said: Sequence[Said], again: set[str], now: datetime) -> None:
        """Numbers, checks and stores what is new, then sends it, after what (by subject) is to be sent again.

        Its time never falls behind that of an earlier number, whatever the clock does: what was known at a moment is then
        all numbers up to one (docs/adr/0013).
        """
        told = map(message, self.store.payloads() if again else [])
        stored = [(key, value) for key, value in told if key.decode() in again]
        events = numbered(said, self.store.generation() + 1, max(now, self.store.published_until()))
        try:
            self.store.insert(events)
        except Retry as error:
            raise Unsure("the registry", f"it is not known whether this was stored ({error})",
                         "when ClickHouse answers, look at `frigjort baseline list`") from error  # fmt: skip
        self.log.publish([*stored, *(message(payload) for _, payload in events)])


def _distinct(book: Book, names: Sequence[str]) -> list[Filed]:
    found = {filed.proposal.id: filed for filed in map(book.proposal, names)}
    return list(found.values())
