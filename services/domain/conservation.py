"""Whether all that Kafka delivered is stored, exactly once, and everything that speaks against it. Pure.

Each kind of finding means: it cannot be shown that all is whole. Nothing is told from a guess: a gap in a topic that is
compacted or written in transactions looks like loss, so such topics are refused. Kafka has no flag for transactions. What can
be seen is an open one (`stable_end` below `end`) and, afterwards, the offset of its marker, which no reader ever gets: the
collector halts there, and here it is missing or waits for ever.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from contracts import topics
from contracts.identifiers import is_cvr
from services.domain.accounts import Account, Known, Topic, accounts, newest_binding

ANEW: Final = "delete the topic, create it anew by `frigjort authorities rebind --cvr …` and have the source send again"
"""What to do where a log cannot be mended: the next number begins with an empty one, and what is stored stays."""
_REBIND: Final = "find out why, then `frigjort authorities rebind --cvr …`"
_SHOWN: Final = 5


class Kind(StrEnum):
    """What can be wrong. The names are stable: labels of metrics and fields of `--json`."""

    MISSING = "missing"
    INCIDENT = "incident"
    BEYOND_END = "beyond_end"
    COMPACTED = "compacted"
    TRANSACTIONAL = "transactional"
    UNBOUND_TOPIC = "unbound_topic"
    FOREIGN_TOPIC = "foreign_topic"
    TOPIC_GONE = "topic_gone"
    OTHER_INCARNATION = "other_incarnation"
    TWO_INCARNATIONS = "two_incarnations"
    UNKNOWN_LOG = "unknown_log"


REFUSED: Final = (Kind.COMPACTED, Kind.TRANSACTIONAL)
"""The topic is refused."""


class Verdict(StrEnum):
    """`WAITING`: whole as far as it is stored, and records in the log are not stored yet."""

    WHOLE = "whole"
    WAITING = "waiting"
    NOT_WHOLE = "not_whole"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: why, and how to mend it. `partition`, `log_no`: where it concerns one."""

    kind: Kind
    topic: str
    cause: str
    remedy: str
    partition: int | None = None
    log_no: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All accounts, by topic, log and partition, and all findings."""

    accounts: tuple[Account, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def missing(self) -> int:
        """Offsets that are missing."""
        return sum(account.missing.offsets for account in self.accounts)

    @property
    def waiting(self) -> int:
        """Offsets in the log and not stored yet."""
        return sum(account.waiting for account in self.accounts)

    @property
    def verdict(self) -> Verdict:
        """Whether all is whole."""
        if self.findings:
            return Verdict.NOT_WHOLE
        return Verdict.WAITING if self.waiting else Verdict.WHOLE


def reconcile(kafka: Mapping[str, Topic], known: Known) -> Report:
    """Compares the input topics of Kafka with what is stored of them."""
    found = tuple(accounts(kafka, known))
    return Report(found, (*_of_topics(kafka, known), *(f for account in found for f in _of_account(account))))


def _of_topics(kafka: Mapping[str, Topic], known: Known) -> Iterator[Finding]:
    """What is wrong with whole topics and logs."""
    for name, topic in sorted(kafka.items()):
        yield from _refused(name, topic)
        if name not in known.bindings:
            yield _unbound(name, topic, known)
    for name in sorted(known.bindings):
        yield from _of_binding(name, kafka.get(name), known)
    for log_no, name in sorted({place[:2] for place in known.stored}):
        if log_no not in known.bindings.get(name, {}):
            cause = f"rows are stored under log {log_no}, which is not bound"
            yield Finding(
                Kind.UNKNOWN_LOG, name, cause, "find out who wrote them, or removed the binding", None, log_no
            )


def _refused(name: str, topic: Topic) -> Iterator[Finding]:
    if "compact" in topic.cleanup_policy:
        yield Finding(
            Kind.COMPACTED,
            name,
            "refused: the topic is compacted, so its gaps cannot be told from loss",
            "set cleanup.policy=delete with your Kafka tools; where records are gone already, create the topic anew",
        )
    for partition, log in sorted(topic.logs.items()):
        if log.stable_end < log.end:
            yield Finding(
                Kind.TRANSACTIONAL,
                name,
                f"refused: a transaction is open at offset {log.stable_end}; its marker is a gap like one of loss",
                "have the source send without transactions, and forbid them (docs/operating.md)",
                partition,
            )


def _unbound(name: str, topic: Topic, known: Known) -> Finding:
    whose, held = topics.authority_of(name), sum(log.records for log in topic.logs.values())
    if whose in known.authorities:
        cause = f"the topic has no log number, so nobody collects its {held} records"
        return Finding(Kind.UNBOUND_TOPIC, name, cause, "run `frigjort topics`")
    if is_cvr(whose):
        cause = f"its authority is not registered, so nobody collects its {held} records"
        return Finding(Kind.FOREIGN_TOPIC, name, cause, "register it: `frigjort authorities add`, or delete the topic")
    cause = f"{whose!r} is no CVR number, so nobody collects its {held} records"
    return Finding(Kind.FOREIGN_TOPIC, name, cause, "have the source send to its own topic, then delete this one")


def _of_binding(name: str, topic: Topic | None, known: Known) -> Iterator[Finding]:
    log_no, ids = newest_binding(name, known)
    if len(ids) > 1:
        cause = f"log {log_no} is bound to {len(ids)} topic ids"
        yield Finding(Kind.TWO_INCARNATIONS, name, cause, _REBIND, None, log_no)
    elif topic is None:
        cause = f"Kafka has no such topic: whether all of log {log_no} was stored cannot be known"
        yield Finding(Kind.TOPIC_GONE, name, cause, "restore it, or create it anew: `frigjort topics`", None, log_no)
    elif ids != {topic.topic_id}:
        cause = f"the topic was re-created: log {log_no} is another incarnation, and its end cannot be known"
        yield Finding(Kind.OTHER_INCARNATION, name, cause, _REBIND, None, log_no)


def _of_account(account: Account) -> Iterator[Finding]:
    place = (account.partition, account.log_no)
    stored, log = account.stored, account.log
    if account.missing.offsets:
        yield Finding(Kind.MISSING, account.topic, _missing(account), _remedy(account), *place)
    if stored is not None and stored.incidents:
        cause = f"{stored.incidents} other contents stand at offsets that have one already"
        remedy = "stop its collectors and find out who wrote the second: the view `incidents` has them"
        yield Finding(Kind.INCIDENT, account.topic, cause, remedy, *place)
    if log is not None and account.reached > log.end:
        cause = f"the log ends at {log.end} and was collected up to {account.reached}: it was truncated"
        remedy = f"restore it, or {ANEW}"
        yield Finding(Kind.BEYOND_END, account.topic, cause, remedy, *place)


def _missing(account: Account) -> str:
    missing = account.missing
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in missing.first[:_SHOWN]]
    more = missing.ranges - len(shown)
    text = f"{missing.offsets} offsets are not stored: {', '.join(shown)}"
    return text + (f" and {more} ranges more" if more > 0 else "")


def _remedy(account: Account) -> str:
    log, ranges = account.log, account.missing.first
    if log is None:
        return "this log is gone from Kafka: restore ClickHouse from a backup, or have the source send again"
    remedies = []
    if any(first < log.beginning for first, _ in ranges):
        remedies.append(
            f"below {log.beginning} the log was deleted: restore ClickHouse from a backup, or have the source send again"
        )
    if any(last >= log.beginning for _, last in ranges):
        remedies.append(
            "a collector with another FRIGJORT_COLLECTOR_GROUP_ID reads the log again; where it halts at a jump the log has no such record: it "
            "is compacted, or was written in transactions"
        )
    return "; ".join(remedies)
