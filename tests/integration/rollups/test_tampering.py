"""Whatever is done to one row of what is published is named, whether it is shown now or was shown once."""

from collections.abc import Iterator

import pytest

from services.audit.rollups.clickhouse import PublishedStore
from services.audit.rollups.verifying import verified
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database, snapshot_of
from tests.integration.rollups.publishing import AUTHORITIES, REGISTRY, publish, writer
from tests.integration.rollups.tampering import Tamperer
from tests.integration.test_metamorphic import placed
from tests.reference import workload

CASES = {"progress_daily": 100, "progress_clusters": 30, "unit_heads": 50}


@pytest.fixture(scope="module")
def tampered(database_settings: ClickHouseSettings) -> Iterator[tuple[Database, Tamperer]]:
    """A history of publications that the cases spoil and mend."""
    database = Database(database_settings.model_copy(update={"database": "published"}))
    publish(database, REGISTRY)
    log = placed(list(workload.messages(500, 8, AUTHORITIES[:1])))
    work = writer(database)
    for first in range(0, len(log), 250):
        database.deliver(log[first : first + 250], snapshot_of(REGISTRY))
        work.look()
    yield database, Tamperer(database, ["progress_daily", "progress_clusters", "unit_heads"])
    database.client.command("DROP DATABASE published")


def test_a_superseded_head_that_is_gone_is_missed_by_the_one_after_it(tampered: tuple[Database, Tamperer]) -> None:
    """And its rows are nobody's: that alone would be no more than a writer that died."""
    database, tamperer = tampered
    (authority, day), *_ = database.rows(
        "SELECT authority, day FROM publications GROUP BY ALL HAVING count() > 1 ORDER BY ALL"
    )
    here = f"authority = '{authority}' AND day = '{day}'"
    ((seq, run),) = database.rows(f"SELECT seq, run FROM publications WHERE {here} ORDER BY published_at LIMIT 1")
    database.client.command(
        f"ALTER TABLE unit_heads DELETE WHERE {here} AND seq = {seq}", settings={"mutations_sync": 1}
    )
    result = verified(PublishedStore(database.client))
    tamperer.restore("unit_heads")
    kinds = {(found.kind.value, found.run == run) for found in result.findings}
    assert kinds == {("missing", False), ("unpublished", True)}
    assert not result.only_unpublished


@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", CASES)
def test_one_row_that_was_changed_deleted_or_inserted_is_named(tampered: tuple[Database, Tamperer], table: str) -> None:
    """Each case with its number as the seed."""
    database, tamperer = tampered
    store = PublishedStore(database.client)
    whole = verified(store)
    assert (whole.findings, whole.heads > whole.units) == ([], True)
    done = set()
    for seed in range(CASES[table]):
        case = tamperer.tamper(table, seed)
        done.add(case.what.split()[0])
        result = verified(store)
        assert any(case.is_named_by(finding) for finding in result.findings), (seed, case, result.findings[:5])
        elsewhere = [found for found in result.findings if (found.authority, found.day) != (case.authority, case.day)]
        assert elsewhere == [], (seed, case)
        tamperer.restore(table)
    assert verified(store).findings == []
    assert done == {"change", "delete", "insert"}
