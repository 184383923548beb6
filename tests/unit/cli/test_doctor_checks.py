"""The doctor's verdicts: each thing that can be wrong is found, and only that."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from contracts import topics
from contracts.examples import valid
from services.cli.doctor import checks
from services.cli.doctor.checks import Finding, State
from services.runtime.errors import Halt, Misconfigured, Retry
from services.runtime.migrations import Standing

TASKS = topics.tasks_topic("10000009")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {
    topics.BASELINES: topics.BASELINES_CONFIG,
    topics.REJECTED: topics.REJECTED_CONFIG,
    topics.SEALS: topics.SEALS_CONFIG,
    TASKS: topics.TASKS_CONFIG,
}


def registry_examples() -> list[bytes]:
    return [example.record.value or b"" for example in valid() if example.record.topic == topics.BASELINES]


def other_mean(payload: bytes) -> bytes:
    event = json.loads(payload)
    event["data"]["mean_ms"] += 1
    return json.dumps(event).encode()


STORED = registry_examples()
PUBLISHED = next(payload for payload in STORED if b"baseline.published" in payload)


def test_what_is_as_it_should_be_is_ok() -> None:
    well = [
        checks.topics_exist(set(GOOD), ["10000009"]),
        checks.cleanup_policies(GOOD),
        checks.transactions({(TASKS, 0): 5}, {(TASKS, 0): 7}),
        checks.timestamp_types(GOOD),
        checks.clickhouse_version("25.8.1.2"),
        checks.clickhouse_version("26.1"),
        checks.migrations_current({"001_a.sql": Standing.APPLIED}),
        checks.insert_settings({"async_insert": 0, "wait_end_of_query": 1}, {"async_insert": "0"}),
        checks.durable_tables({"records": "… SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"}),
        checks.log_bindings({TASKS: (2, {"id"})}, {TASKS: "id"}),
        checks.readiness("http://x", 200, ()),
        checks.writers({"host/1/a": NOW - timedelta(seconds=50)}, NOW),
    ]
    assert {(found.state, found.remedy) for found in well} == {(State.OK, "")}


@pytest.mark.parametrize(
    ("found", "named"),
    [
        (checks.topics_exist({topics.BASELINES, TASKS}, ["10000009"]), topics.REJECTED),
        (checks.topics_exist({*GOOD} - {TASKS}, ["10000009"]), TASKS),
        (checks.topics_exist({*GOOD} - {topics.SEALS}, ["10000009"]), topics.SEALS),
        (
            checks.transactions({(TASKS, 0): 5, (TASKS, 1): 5}, {(TASKS, 0): 5, (TASKS, 1): 4}),
            f"{TASKS}/1 from offset 4",
        ),
        (checks.cleanup_policies({**GOOD, TASKS: {"cleanup.policy": "compact"}}), f"{TASKS} has compact"),
        (checks.cleanup_policies({**GOOD, TASKS: {"cleanup.policy": "compact,delete"}}), "compact+delete"),
        (checks.cleanup_policies({**GOOD, topics.BASELINES: {"cleanup.policy": "delete"}}), topics.BASELINES),
        (checks.cleanup_policies({**GOOD, topics.BASELINES: {"cleanup.policy": "compact, delete"}}), topics.BASELINES),
        (checks.timestamp_types({**GOOD, TASKS: {"message.timestamp.type": "CreateTime"}}), f"{TASKS} has CreateTime"),
        (checks.timestamp_types({TASKS: {}}), "no setting"),
        (checks.clickhouse_version("25.7.9"), "25.7.9 is older than 25.8"),
        (checks.clickhouse_version("9.12"), "older"),
        (checks.insert_settings({"async_insert": 0}, {"async_insert": "1"}), "async_insert is 1, not 0"),
        (checks.durable_tables({"records": "SETTINGS fsync_after_insert = 1"}), "records: fsync_part_directory"),
        (checks.log_bindings({}, {TASKS: "id"}), "bound to no log number"),
        (checks.log_bindings({TASKS: (1, {"id"})}, {TASKS: "new"}), "another incarnation than log 1"),
        (checks.log_bindings({TASKS: (1, {"id", "new"})}, {TASKS: "new"}), "another incarnation"),
        (checks.readiness("http://x", 503, ["joining the consumer group"]), "joining the consumer group"),
        (checks.readiness("http://x", 0, ()), "no answer"),
        (checks.writers({"host/1/a": NOW - timedelta(seconds=70)}, NOW), "host/1/a claims to write"),
        (checks.of_error(Retry("Kafka", "timed out")), "Kafka is away: timed out"),
        (checks.of_error(Misconfigured("FRIGJORT_X", "unknown setting")), "FRIGJORT_X"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(found: Finding, named: str) -> None:
    assert found.state == State.PROBLEM
    assert named in found.cause
    assert found.remedy


@pytest.mark.parametrize(
    ("standing", "remedy"),
    [
        (Standing.PENDING, "run `frigjort migrate`"),
        (Standing.CHANGED, "restore the file"),
        (Standing.UNKNOWN, "run the release"),
    ],
)
def test_a_migration_that_is_not_current_has_its_own_remedy(standing: Standing, remedy: str) -> None:
    found = checks.migrations_current({"001_a.sql": Standing.APPLIED, "002_b.sql": standing})
    assert found.state == State.PROBLEM
    assert found.cause == f"002_b.sql is {standing}"
    assert remedy in found.remedy


def test_the_registry_agrees_with_itself_and_with_the_topic() -> None:
    assert checks.registry_agrees(STORED, reversed([*STORED, *STORED])).state == State.OK
    assert checks.registry_agrees([], []).state == State.OK


@pytest.mark.parametrize(
    ("stored", "told", "cause"),
    [
        (STORED, STORED[1:], "1 events are stored and not in the topic"),
        (STORED[1:], STORED, "1 events of the topic are not in ClickHouse"),
        ([PUBLISHED, other_mean(PUBLISHED)], [], "has two contents"),
        ([PUBLISHED], [other_mean(PUBLISHED)], "has two contents"),
        ([PUBLISHED], [PUBLISHED, b"no event"], "breaks the contract"),
        ([PUBLISHED], [PUBLISHED, b""], "breaks the contract"),
    ],
)
def test_a_registry_that_does_not_agree(stored: list[bytes], told: list[bytes], cause: str) -> None:
    found = checks.registry_agrees(stored, told)
    assert found.state == State.PROBLEM
    assert cause in found.cause


def test_a_halt_says_its_own_remedy() -> None:
    found = checks.of_error(Halt("ClickHouse", "error 60", "run `frigjort migrate`"))
    assert (found.cause, found.remedy) == ("error 60", "run `frigjort migrate`")
