"""What a treated task is, the views say as the domain does: every arm with every assistance, measured and not."""

from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from contracts.tasks import TaskState
from services.baselines.clickhouse import MeasurementStore
from services.domain.effect.roles import role_of
from tests.integration.delivering import Database
from tests.properties.domain.strategies import baseline, day, event, task
from tests.properties.restating import collected
from tests.properties.test_restatement import snapshot_at
from tests.reference.roles import ROLES


def states() -> Iterator[TaskState]:
    """One of each; named by its place."""
    for number, (arm, assistance, _) in enumerate(ROLES):
        drawn = {"arm": arm, "assigned_at": day(0), "assignment": "random"} if arm else {"assignment": "chosen"}
        yield task(task=f"t{number}", assistance=assistance, completed_at=day(6), **drawn)


@pytest.fixture(scope="module")
def client(database_settings: Any) -> Client:
    client = Database(database_settings.model_copy(update={"database": "roles"})).client
    published = [event(baseline(1, mean_ms=1_000, valid_to=day(400), expires_at=day(400)))]
    unknown = task(task="unmeasured", task_type="local:unheard-of", assistance="draft", completed_at=day(6))
    MeasurementStore(client).write(collected(enumerate([*states(), unknown]), snapshot_at(published, 1)))
    return client


def test_the_role_of_every_combination(client: Client) -> None:
    found = [tuple(row) for row in client.query("SELECT task, role FROM measured_roles").result_rows]
    assert sorted(found) == sorted((f"t{n}", role_of(arm, assistance)) for n, (arm, assistance, _) in enumerate(ROLES))


def test_treated_measurements_are_those_of_that_role(client: Client) -> None:
    found = {name for (name,) in client.query("SELECT task FROM treated_measurements").result_rows}
    assert found == {f"t{number}" for number, (*_, role) in enumerate(ROLES) if role == "treated"}
