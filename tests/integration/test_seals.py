"""Seals on the real engine: any number of sealers agree, and whatever is done to one row of the tables is named."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from services.audit.seals.copies import FileCopies
from services.audit.seals.sealing import two_chains
from services.domain.chain import AGE_MS, HOUR_MS, Checkpoint, Why
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database
from tests.integration.sealed import FIRST_MS, LATE_MS, RECORDS_AN_HOUR, log_of, publish, seal, store, verified
from tests.integration.tampering import Tamperer

COUNT = 300
CASES = 100
SEALS = "SELECT log_no, topic, partition, last_offset, hex(chain), records, toUnixTimestamp64Milli(closed_at) FROM checkpoints ORDER BY ALL"


def rows(checkpoints: set[Checkpoint]) -> list[tuple[object, ...]]:
    return sorted((*c.place, c.last_offset, c.chain.hex().upper(), c.records, c.closed_ms) for c in checkpoints)


def test_sealers_that_take_turns_make_the_checkpoints_of_one(
    new_database: Callable[[], Database], tmp_path: Path
) -> None:
    """Records come in batches, some of them twice; two sealers with files of their own come by at any time."""
    database, chance = new_database(), Random(5)
    publish(database)
    log, files = log_of(COUNT, 5), [FileCopies(tmp_path / name) for name in ("one", "other")]
    cut = 0
    while cut < len(log):
        cut += chance.randrange(1, 80)
        store(database, log[max(0, cut - 90) : cut])
        standings = seal(database, FIRST_MS + chance.randrange(30) * HOUR_MS, [chance.choice(files)])
        assert not two_chains(standings)
    seal(database, LATE_MS, files[:1])
    made = [checkpoint for file in files if file.path.exists() for checkpoint in file.read()]
    assert len(made) == len(set(made))
    assert database.rows(SEALS) == rows(set(made))

    alone = new_database()
    publish(alone)
    store(alone, log)
    standings = seal(alone)
    assert set(alone.rows(SEALS)) <= set(
        database.rows(SEALS)
    )  # one more wherever a sealer came by while rows were missing yet
    assert {standing.unsealed.why for standing in standings if standing.unsealed} == {Why.END}
    assert sum(standing.made for standing in standings) > COUNT / RECORDS_AN_HOUR
    assert all(standing.made == 0 for standing in seal(alone))
    result = verified(database, made)
    assert (result.findings, result.seals, result.kept, result.partitions) == ([], len(made), len(made), 3)
    assert verified(alone).findings == []


def test_nothing_is_sealed_beyond_a_hole_until_it_is_filled(new_database: Callable[[], Database]) -> None:
    database = new_database()
    log = [record for record in log_of(COUNT, 6) if record.topic.endswith("9")]
    hole = RECORDS_AN_HOUR + 3
    store(database, [record for record in log if record.offset != hole])
    found = {standing.place: standing for standing in seal(database)}
    standing = found[1, log[0].topic, 0]
    assert standing.unsealed is not None
    assert (standing.unsealed.why, standing.unsealed.offset, standing.made) == (Why.GAP, hole, 1)
    store(database, log)
    seal(database)
    assert verified(database).findings == []
    young = FIRST_MS + 3 * HOUR_MS + AGE_MS - 1
    assert verified(database, now_ms=young).findings == []


@pytest.fixture(scope="module")
def sealed(database_settings: ClickHouseSettings) -> Iterator[Database]:
    """Stored and sealed history, that the cases spoil and mend."""
    database = Database(database_settings.model_copy(update={"database": "sealed"}))
    publish(database)
    store(database, log_of(COUNT, 7))
    seal(database)
    yield database
    database.client.command("DROP DATABASE sealed")


@pytest.fixture(scope="module")
def tamperer(sealed: Database) -> Tamperer:
    return Tamperer(sealed, ["records", "baselines", "seals"])


@pytest.mark.timeout(600)
@pytest.mark.parametrize("table", ["records", "baselines", "seals"])
def test_one_row_that_was_changed_deleted_inserted_or_moved_is_named(
    sealed: Database, tamperer: Tamperer, table: str
) -> None:
    """100 cases a table, each with its number as the seed."""
    assert verified(sealed).findings == []
    done = []
    for seed in range(CASES):
        case = tamperer.tamper(table, seed)
        done.append(case.what.split()[0])
        result = verified(sealed)
        assert any(case.is_named_by(finding) for finding in result.findings), (seed, case, result.findings[:5])
        assert all(finding.place == case.place for finding in result.findings), (seed, case, result.findings)
        tamperer.restore(table)
    assert verified(sealed).findings == []
    assert {"change", "delete", "insert", "reorder"} <= set(done)
