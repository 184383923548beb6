"""The order of versions, in ClickHouse itself: the expression orders rows as the design's tuple, tells two tuples apart, and a
fold by maximum is the same whatever the order and the cuts of the inserts, with or without merges."""

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pyarrow as pa

from services.runtime.clickhouse import INSERT_SETTINGS
from tests.integration.delivering import Database

Place = tuple[int, ...]
"""revision, kind, log_no, partition, offset, rules, generation."""

NAMES = ("revision", "kind", "log_no", "partition", "offset", "rules", "generation")
BITS = (32, 8, 32, 16, 64, 32, 64)
TYPES = {8: pa.uint8(), 16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}


def rank(place: Place) -> Place:
    """The design's order: revision, kind, the lowest coordinate, rules, generation."""
    revision, kind, log_no, partition, offset, rules, generation = place
    return revision, kind, -log_no, -partition, -offset, rules, generation


def extreme(chance: random.Random, bits: int) -> int:
    """An integer of so many bits, more often than not one at which arithmetic goes wrong."""
    top: int = 2**bits
    return chance.choice([0, 1, top // 2 - 1, top // 2, top - 2, top - 1, chance.randrange(top), chance.randrange(4)])


def places(chance: random.Random, count: int) -> list[Place]:
    """Different ones; many differ from another one in one place alone."""
    found = [tuple(extreme(chance, bits) for bits in BITS)]
    known = set(found)
    while len(found) < count:
        changed = list(chance.choice(found))
        for _ in range(chance.choice([1, 1, 2, 7])):
            at = chance.randrange(len(BITS))
            changed[at] = extreme(chance, BITS[at])
        if tuple(changed) not in known:
            known.add(tuple(changed))
            found.append(tuple(changed))
    chance.shuffle(found)
    return found


def insert(database: Database, table: str, columns: dict[str, pa.Array]) -> None:
    database.client.insert_arrow(table, pa.table(columns), settings=INSERT_SETTINGS)


def coordinate_columns(rows: Sequence[Place]) -> dict[str, pa.Array]:
    return {
        name: pa.array([row[at] for row in rows], TYPES[bits])
        for at, (name, bits) in enumerate(zip(NAMES, BITS, strict=True))
    }


def measurements(rows: Sequence[Place], tasks: Sequence[str]) -> dict[str, pa.Array]:
    """Rows of `measurements` whose content (here their effort) is a function of their place."""
    effort = pa.array([hash(row) for row in rows], pa.int64())
    return {
        **coordinate_columns(rows),
        "authority": pa.array(["10000009"] * len(rows)),
        "task": pa.array(tasks),
        "effort_ms": effort,
    }


def test_versions_of_measurements_order_as_the_design_says(new_database: Callable[[], Database]) -> None:
    database, chance = new_database(), random.Random(1)
    rows = places(chance, 20_000)
    insert(database, "measurements", measurements(rows, [f"t{number}" for number in range(len(rows))]))
    ordered = database.rows(f"SELECT {', '.join(NAMES)} FROM measurements ORDER BY version")
    assert ordered == sorted(rows, key=rank)
    assert database.rows("SELECT uniqExact(version) FROM measurements") == [(len(rows),)], "the order is total"
    # Back from the number to the tuple: a version determines its row.
    shifts = {"revision": 216, "kind": 208, "log_no": 176, "partition": 160, "offset": 96, "rules": 64, "generation": 0}
    told = [
        f"to{'UInt' + str(bits)}({'bitNot' if name in {'log_no', 'partition', 'offset'} else ''}"
        f"(to{'UInt' + str(bits)}(bitShiftRight(version, {shifts[name]}))))"
        for name, bits in zip(NAMES, BITS, strict=True)
    ]
    assert database.rows(f"SELECT count() FROM measurements WHERE ({', '.join(told)}) != ({', '.join(NAMES)})") == [
        (0,)
    ]


def test_versions_of_records_and_of_ids_order_as_the_design_says(new_database: Callable[[], Database]) -> None:
    database, chance = new_database(), random.Random(2)
    verdicts = sorted({(chance.randrange(2), extreme(chance, 32)) for _ in range(300)})
    chance.shuffle(verdicts)
    count = len(verdicts)
    insert(
        database,
        "records",
        {
            **dict.fromkeys(("log_no", "partition"), pa.array([0] * count)),
            "topic": pa.array(["frigjort.tasks.v1.10000009"] * count),
            "offset": pa.array(range(count)),
            "accepted": pa.array([accepted for accepted, _ in verdicts], pa.uint8()),
            "rules": pa.array([rules for _, rules in verdicts], pa.uint32()),
        },
    )
    assert database.rows("SELECT accepted, rules FROM records ORDER BY version") == sorted(verdicts)
    database.client.command("TRUNCATE TABLE event_ids")
    rows = places(chance, 2_000)
    lowest = sorted({row[2:5] for row in rows})
    columns = coordinate_columns([(0, 0, *place, 0, 0) for place in lowest])
    ids = pa.array([f"id-{number}" for number in range(len(lowest))])
    place = {name: columns[name] for name in ("log_no", "partition", "offset")}
    insert(database, "event_ids", {**place, "event_id": ids})
    assert database.rows("SELECT log_no, partition, offset FROM event_ids ORDER BY version DESC") == lowest


def test_a_fold_by_maximum_is_the_same_in_any_order_and_any_cut(new_database: Callable[[], Database]) -> None:
    database, chance = new_database(), random.Random(3)
    tasks = {f"t{number}": places(chance, 40) for number in range(25)}
    expected = [(task, *max(rows, key=rank), hash(max(rows, key=rank))) for task, rows in sorted(tasks.items())]
    wanted = f"SELECT task, {', '.join(NAMES)}, effort_ms FROM measurements FINAL ORDER BY task"
    for merged in (False, True, False, True):
        written = [(task, row) for task, rows in tasks.items() for row in rows] * 2
        chance.shuffle(written)
        database.client.command("TRUNCATE TABLE measurements")
        cuts = sorted(chance.sample(range(1, len(written)), 9))
        for first, last in pairwise([0, *cuts, len(written)]):
            part = written[first:last]
            insert(database, "measurements", measurements([row for _, row in part], [task for task, _ in part]))
            if merged and chance.random() < 0.3:
                database.client.command("OPTIMIZE TABLE measurements FINAL")
        assert database.rows(wanted) == expected
        database.client.command("OPTIMIZE TABLE measurements FINAL")
        assert database.rows(wanted) == expected


def test_one_disposition_a_coordinate_whoever_judged_and_in_any_order(new_database: Callable[[], Database]) -> None:
    """Accepted beats rejected, then higher rules; the digest in the key keeps both verdicts apart until they are read."""
    database, chance = new_database(), random.Random(4)
    expected = []
    written = []
    for offset in range(200):
        verdicts = [(chance.randrange(2), chance.randrange(1, 4)) for _ in range(chance.randrange(1, 6))]
        written += [(offset, accepted, rules) for accepted, rules in verdicts]
        accepted, rules = max(verdicts)
        expected.append((offset, accepted, rules, "" if accepted else f"code-{rules}"))
    for _ in range(3):
        chance.shuffle(written)
        database.client.command("TRUNCATE TABLE records")
        for first, last in pairwise([0, *sorted(chance.sample(range(1, len(written)), 5)), len(written)]):
            insert(database, "records", _verdicts(written[first:last]))
        for _ in range(2):
            assert database.rows("SELECT offset, accepted, rules, code FROM dispositions ORDER BY offset") == expected
            database.client.command("OPTIMIZE TABLE records FINAL")


def _verdicts(written: Sequence[tuple[int, int, int]]) -> dict[str, pa.Array]:
    count = len(written)
    return {
        **dict.fromkeys(("log_no", "partition"), pa.array([1] * count)),
        "topic": pa.array(["frigjort.tasks.v1.10000009"] * count),
        "offset": pa.array([offset for offset, _, _ in written]),
        "digest": pa.array([(b"d" if accepted else b"\0") * 32 for _, accepted, _ in written], pa.binary(32)),
        "accepted": pa.array([accepted for _, accepted, _ in written], pa.uint8()),
        "rules": pa.array([rules for _, _, rules in written], pa.uint32()),
        "code": pa.array(["" if accepted else f"code-{rules}" for _, accepted, rules in written]),
    }
