"""Every flag is raised by what it is for, and by nothing less. Real tables, real views, read as they are shipped."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from contracts.events import RegistryEvent
from contracts.registry import Authority, Baseline
from contracts.tasks import TaskState
from services.baselines.clickhouse import MeasurementStore
from tests.integration.delivering import Database
from tests.properties.domain.strategies import AUTHORITIES, baseline, day, event, task
from tests.properties.restating import collected, payload_of
from tests.properties.test_restatement import snapshot_at

MINUTE = 60_000
HOUR = 60 * MINUTE
A_YEAR = 52 * 1_000  # paid hours; a thousand a week


def registered(hours: int) -> Authority:
    return Authority.model_validate(
        {
            "authority": AUTHORITIES[0],
            "version": 1,
            "generation": 1,
            "name": "Eksempel",
            "sector": "state",
            "staff_hours": hours,
        }
    )


def credit(ms: int) -> Baseline:
    return baseline(2, mean_ms=ms, valid_to=day(400), expires_at=day(400), n=100, clusters=50, cap_ms=15 * MINUTE)


def tasks(count: int, **fields: Any) -> list[TaskState]:
    """So many with AI, each a case of its own, on the seventh day; a function of the number where a field is one."""
    chosen: list[TaskState] = []
    for number in range(count):
        own = {name: value(number) if callable(value) else value for name, value in fields.items()}
        moments = {"started_at": day(0), "completed_at": day(6), "assigned_at": day(0) if own.get("arm") else None}
        known = {
            "task": f"t{number}",
            "assistance": "draft",
            "assignment": "random" if own.get("arm") else "eligible",
            "active_ms": 61_234 + number,
            "review_ms": 0,
            "rework_ms": 0,
            "cluster": f"c{number}",
            "cluster_kind": "case",
        }
        given = {name: value for name, value in {**known, **moments, **own}.items() if value is not None}
        chosen.append(task(**given))
    return chosen


def weekly(hours_of_effort: Callable[[int], float]) -> list[TaskState]:
    """Forty tasks in each of ten weeks."""
    found: list[TaskState] = []
    for week in range(10):
        moment: datetime = day(5) + timedelta(weeks=week)
        for number, one in enumerate(
            tasks(40, active_ms=lambda n, week=week: int(hours_of_effort(week) * HOUR) + 37 * n)
        ):
            found.append(
                one.model_copy(
                    update={"task": f"w{week}-{number}", "cluster": f"w{week}-{number}", "completed_at": moment}
                )
            )
    return found


RAISED: list[tuple[str, list[TaskState], int, int]] = [
    ("above_staff_hours", tasks(51, active_ms=HOUR + 1), 11 * HOUR, A_YEAR),
    ("more_tasks_per_case", tasks(200, cluster=lambda n: f"c{n // 4}"), HOUR, A_YEAR),
    ("round_minutes", tasks(60, active_ms=lambda n: 5 * MINUTE if n < 31 else 61_234 + n), HOUR, A_YEAR),
    ("no_effort", tasks(60, active_ms=lambda n: 0 if n < 4 else 61_234 + n), HOUR, A_YEAR),
    ("sudden_jump", weekly(lambda week: 0.5 if week == 9 else 0.8 + week % 3 / 100), HOUR, 52 * A_YEAR),
    ("self_reported", tasks(60, time_basis=lambda n: "self_reported" if n < 15 else "measured"), HOUR, A_YEAR),
    (
        "capped_by_arm",
        tasks(
            400,
            arm=lambda n: "control" if n % 2 else "treatment",
            time_basis="elapsed",
            active_ms=lambda n: 16 * MINUTE + n if n % 2 and n < 50 else 61_234 + n,
        ),
        HOUR,
        A_YEAR,
    ),
    (
        "no_cluster",
        tasks(60, cluster=lambda n: None if n < 7 else f"c{n}", cluster_kind=lambda n: None if n < 7 else "case"),
        HOUR,
        A_YEAR,
    ),
]
QUIET: list[tuple[str, list[TaskState], int, int]] = [
    ("half of the paid hours are not more than half", tasks(50, active_ms=HOUR + 1), 11 * HOUR + 1, A_YEAR),
    ("without paid hours nothing is compared", tasks(51, active_ms=HOUR + 1), 11 * HOUR, 0),
    ("half as many again are not more", tasks(201, cluster=lambda n: f"c{n // 3}"), HOUR, A_YEAR),
    ("half of the times are round", tasks(60, active_ms=lambda n: 5 * MINUTE if n < 30 else 61_234 + n), HOUR, A_YEAR),
    ("one in twenty without effort", tasks(60, active_ms=lambda n: 0 if n < 3 else 61_234 + n), HOUR, A_YEAR),
    ("a step of one in a hundred", weekly(lambda week: 0.79 if week == 9 else 0.8 + week % 3 / 100), HOUR, 52 * A_YEAR),
    ("a trend is no jump", weekly(lambda week: 0.8 - week / 100), HOUR, 52 * A_YEAR),
    (
        "few tasks say nothing",
        tasks(49, active_ms=0, cluster=None, cluster_kind=None, time_basis="self_reported"),
        HOUR,
        A_YEAR,
    ),
    (
        "both arms are cut alike",
        tasks(
            400,
            arm=lambda n: "control" if n % 2 else "treatment",
            time_basis="elapsed",
            active_ms=lambda n: 16 * MINUTE + n if n < 50 else 61_234 + n,
        ),
        HOUR,
        A_YEAR,
    ),
    (
        "a few without a case",
        tasks(60, cluster=lambda n: None if n < 6 else f"c{n}", cluster_kind=lambda n: None if n < 6 else "case"),
        HOUR,
        A_YEAR,
    ),
]


@pytest.fixture(scope="module")
def client(database_settings: Any) -> Client:
    return Database(database_settings.model_copy(update={"database": "plausibility"})).client


def _flags(client: Client, states: Iterable[TaskState], credit_ms: int, staff_hours: int) -> list[str]:
    for table in ("baselines", "authorities", "measurements"):
        client.command(f"TRUNCATE TABLE {table}")
    published: list[RegistryEvent] = [event(registered(staff_hours)), event(credit(credit_ms))]
    store = MeasurementStore(client)
    for each in published:
        store.insert([(each, payload_of(each))])
    store.write(collected(enumerate(states), snapshot_at(published, 2)))
    return [flag for (flag,) in client.query("SELECT flag FROM plausibility_flags ORDER BY flag, part").result_rows]


@pytest.mark.parametrize(("flag", "states", "credit_ms", "staff_hours"), RAISED, ids=[case[0] for case in RAISED])
def test_a_flag_is_raised_alone(
    client: Client, flag: str, states: list[TaskState], credit_ms: int, staff_hours: int
) -> None:
    assert _flags(client, states, credit_ms, staff_hours) == [flag]


@pytest.mark.parametrize(("case", "states", "credit_ms", "staff_hours"), QUIET, ids=[case[0] for case in QUIET])
def test_what_is_just_below_raises_none(
    client: Client, case: str, states: list[TaskState], credit_ms: int, staff_hours: int
) -> None:
    assert _flags(client, states, credit_ms, staff_hours) == [], case


def test_arms_assigned_late_are_seen_where_they_were_refused(client: Client) -> None:
    assert _flags(client, [], HOUR, A_YEAR) == []
    refused = "(1, 'frigjort.tasks.v1.10000009', 0, {}, 0, 1, 'assigned_after_start', 'data')"
    columns = "(log_no, topic, partition, offset, accepted, rules, code, path)"
    client.command(f"INSERT INTO records {columns} VALUES {refused.format(0)}, {refused.format(1)}")
    try:
        raised = client.query("SELECT flag, authority, tasks, value FROM plausibility_flags").result_rows
    finally:
        client.command("TRUNCATE TABLE records")
    assert [tuple(row) for row in raised] == [("arm_after_start", AUTHORITIES[0], 2, 2.0)]
