"""Conservation: what is missing, doubled, waiting or refused is found exactly, and nothing else is."""

from dataclasses import replace

import pytest

from contracts import topics
from services.domain.accounts import Gaps, Known, Log, Stored, Topic, incomplete
from services.domain.conservation import Kind, Report, Verdict, reconcile

NAME = topics.tasks_topic("10000009")
OTHER = topics.tasks_topic("10000025")
PLACE = (2, NAME, 0)
LOG = Log(beginning=0, end=10, stable_end=10, committed=10)
STORED = Stored(first=0, last=9, events=8, rejections=2, ids=7)


def topic(*logs: Log, topic_id: str = "id-2", policy: str = "delete") -> Topic:
    return Topic(topic_id, frozenset({policy}), dict(enumerate(logs or (LOG,))))


KNOWN = Known(frozenset({"10000009"}), {NAME: {2: frozenset({"id-2"})}}, {PLACE: STORED}, {})


def kinds(report: Report) -> list[Kind]:
    assert all(found.cause and found.remedy for found in report.findings)
    return [found.kind for found in report.findings]


def test_whole() -> None:
    report = reconcile({NAME: topic()}, KNOWN)
    assert (report.verdict, report.missing, report.waiting, report.findings) == (Verdict.WHOLE, 0, 0, ())
    assert STORED.duplicates == 1


def test_what_lies_above_everything_reached_is_waiting() -> None:
    report = reconcile({NAME: topic(replace(LOG, end=12, stable_end=12), Log(0, 5, 5))}, KNOWN)
    assert (report.verdict, report.missing, report.waiting) == (Verdict.WAITING, 0, 7)


@pytest.mark.parametrize(
    ("log", "missing", "waiting"),
    [
        (Log(0, 20, 20, committed=15), Gaps(5, 1, ((10, 14),)), 5),  # committed and not stored
        (Log(13, 20, 20, committed=10), Gaps(3, 1, ((10, 12),)), 7),  # removed by retention before it was stored
        (Log(20, 20, 20, committed=None), Gaps(10, 1, ((10, 19),)), 0),  # all of it
        (Log(9, 20, 20, committed=10), Gaps(), 10),
    ],
)
def test_what_can_no_longer_come_is_missing(log: Log, missing: Gaps, waiting: int) -> None:
    report = reconcile({NAME: topic(log)}, KNOWN)
    (account,) = report.accounts
    assert (account.missing, account.waiting) == (missing, waiting)
    assert kinds(report) == ([Kind.MISSING] if missing.offsets else [])


def test_a_topic_that_lost_its_first_records_before_the_first_collector_ran() -> None:
    report = reconcile({NAME: topic(Log(7, 10, 10))}, replace(KNOWN, stored={}))
    assert (report.missing, report.waiting) == (7, 3)
    assert "7 offsets are not stored: 0–6" in report.findings[0].cause
    assert "below 7 the log was deleted" in report.findings[0].remedy


def test_holes_are_shown_as_ranges_and_counted_beyond_them() -> None:
    ranges = tuple((2 * n, 2 * n) for n in range(8))
    known = replace(KNOWN, stored={PLACE: replace(STORED, last=19, events=8)}, gaps={PLACE: Gaps(10, 9, ranges)})
    assert incomplete(known.stored) == [PLACE]
    (found,) = reconcile({NAME: topic(replace(LOG, end=20, stable_end=20))}, known).findings
    assert found.cause == "10 offsets are not stored: 0, 2, 4, 6, 8 and 4 ranges more"


def test_an_incident_is_one_and_a_record_that_was_judged_again_is_none() -> None:
    again = replace(KNOWN, stored={PLACE: replace(STORED, rejudged=3)})
    assert reconcile({NAME: topic()}, again).verdict == Verdict.WHOLE
    twice = replace(KNOWN, stored={PLACE: replace(STORED, incidents=1)})
    assert kinds(reconcile({NAME: topic()}, twice)) == [Kind.INCIDENT]


@pytest.mark.parametrize("log", [Log(0, 9, 9, committed=9), Log(0, 10, 10, committed=11)])
def test_a_log_that_ends_before_what_was_reached_was_truncated(log: Log) -> None:
    assert Kind.BEYOND_END in kinds(reconcile({NAME: topic(log)}, KNOWN))


def test_rows_of_a_partition_that_the_topic_does_not_have() -> None:
    known = replace(KNOWN, stored={PLACE: STORED, (2, NAME, 1): STORED})
    (found,) = reconcile({NAME: topic()}, known).findings
    assert (found.kind, found.partition) == (Kind.BEYOND_END, 1)


def test_earlier_logs_are_whole_as_far_as_they_are_stored() -> None:
    known = replace(KNOWN, bindings={NAME: {1: frozenset({"id-1"}), 2: frozenset({"id-2"})}})
    old = (1, NAME, 0)
    report = reconcile({NAME: topic()}, replace(known, stored={PLACE: STORED, old: replace(STORED, last=9)}))
    assert report.verdict == Verdict.WHOLE
    assert [(account.log_no, account.log is None) for account in report.accounts] == [(1, True), (2, False)]
    holes = replace(
        known, stored={PLACE: STORED, old: replace(STORED, first=1, last=10)}, gaps={old: Gaps(1, 1, ((0, 0),))}
    )
    (found,) = reconcile({NAME: topic()}, holes).findings
    assert (found.kind, found.log_no) == (Kind.MISSING, 1)


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_topic_is_refused_by_name(policy: str) -> None:
    compacted = Topic("id-2", frozenset(policy.split(",")), {0: LOG})
    (found,) = reconcile({NAME: compacted}, KNOWN).findings
    assert (found.kind, found.topic) == (Kind.COMPACTED, NAME)


def test_an_open_transaction_refuses_the_topic() -> None:
    (found,) = reconcile({NAME: topic(replace(LOG, stable_end=9))}, KNOWN).findings
    assert (found.kind, found.topic, found.partition) == (Kind.TRANSACTIONAL, NAME, 0)


@pytest.mark.parametrize(
    ("kafka", "known", "kind", "log_no"),
    [
        ({NAME: topic(), OTHER: topic()}, KNOWN, Kind.FOREIGN_TOPIC, None),
        ({NAME: topic(), topics.TASKS_PREFIX + "x": topic()}, KNOWN, Kind.FOREIGN_TOPIC, None),
        (
            {NAME: topic(), OTHER: topic()},
            replace(KNOWN, authorities=frozenset({"10000025"})),
            Kind.UNBOUND_TOPIC,
            None,
        ),
        ({}, KNOWN, Kind.TOPIC_GONE, 2),
        ({NAME: topic(topic_id="id-3")}, KNOWN, Kind.OTHER_INCARNATION, 2),
        (
            {NAME: topic()},
            replace(KNOWN, bindings={NAME: {2: frozenset({"id-2", "id-3"})}}),
            Kind.TWO_INCARNATIONS,
            2,
        ),
        ({NAME: topic()}, replace(KNOWN, stored={PLACE: STORED, (1, NAME, 0): STORED}), Kind.UNKNOWN_LOG, 1),
    ],
)
def test_each_thing_that_keeps_a_log_from_being_reconciled_has_its_name(
    kafka: dict[str, Topic], known: Known, kind: Kind, log_no: int | None
) -> None:
    report = reconcile(kafka, known)
    assert kinds(report) == [kind]
    assert report.verdict == Verdict.NOT_WHOLE
    assert report.findings[0].log_no == log_no
    if kind in {Kind.TOPIC_GONE, Kind.OTHER_INCARNATION, Kind.TWO_INCARNATIONS}:  # what is stored is of another log
        assert [account.log for account in report.accounts] == [None]


def test_nothing_at_all_is_whole() -> None:
    assert reconcile({}, Known(frozenset(), {}, {}, {})).verdict == Verdict.WHOLE
