"""An endpoint in its own process. Started and ended by the tests that ask."""

from collections.abc import Iterator

import pytest
import urllib3

from tests.integration.embedded.reaching import Reached, start


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    """The endpoint that most tests share; each makes tables of its own."""
    pool = urllib3.PoolManager()
    process = start(tmp_path_factory.mktemp("endpoint"))
    try:
        yield Reached(process, pool)
    finally:
        pool.clear()
        process.stop()


@pytest.fixture
def table(endpoint: Reached, request: pytest.FixtureRequest) -> str:
    """An empty table (n UInt64, s String) of this test."""
    name = "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:80]
    endpoint.ask(f"DROP TABLE IF EXISTS {name}")
    made = endpoint.ask(
        f"CREATE TABLE {name} (n UInt64, s String) ENGINE = MergeTree ORDER BY n"
        " SETTINGS fsync_after_insert = 1, fsync_part_directory = 1"
    )
    assert made.status == 200, made.text
    return name


@pytest.fixture
def view(endpoint: Reached, table: str) -> str:
    """A view of all that is in `table`, as an auditor may read it."""
    name = f"{table}_view"
    endpoint.ask(f"DROP VIEW IF EXISTS {name}")
    made = endpoint.ask(f"CREATE VIEW {name} DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT * FROM {table}")
    assert made.status == 200, made.text
    return name
