"""A bundle, verified by its own verifier in a Python that has pyarrow and nothing of ours."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from contracts import topics
from services.audit.bundle import queries
from services.audit.bundle.clickhouse import BundleStore
from services.audit.bundle.writing import Writing
from services.audit.erasures.clickhouse import ErasureStore
from services.audit.erasures.erasing import Request, erase_again
from services.audit.seals.copies import FileCopies
from services.domain.accounts import Place
from services.runtime.errors import Misconfigured, Retry
from services.runtime.settings import ClickHouseSettings
from tests.integration.delivering import Database
from tests.integration.sealed import AUTHORITIES, REGISTRY, log_of, publish, seal, store
from tests.reference.model import fold
from tests.reference.records import Records
from tests.reference.registry import Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
COUNT = 300
TOPIC = topics.tasks_topic(AUTHORITIES[0])
Columns = dict[str, list[Any]]


@pytest.fixture(scope="module")
def only_pyarrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds pyarrow alone."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "pyarrow").symlink_to(Path(pa.__file__).parent)
    return folder


@pytest.fixture
def verify(only_pyarrow: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Runs the verifier of a bundle: no environment, no user's packages, no site packages."""

    def run(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
        begin = (
            "import runpy, sys; sys.path.append(sys.argv[1]); sys.argv = sys.argv[2:]; "
            "runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            begin,
            str(only_pyarrow),
            str(folder / "verify.py"),
            "--json",
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
        assert not done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def made(
    database_settings: ClickHouseSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Path, Path]]:
    """A database, its bundle, and a file of checkpoints; some tasks were measured under an older generation."""
    database = Database(database_settings.model_copy(update={"database": "bundled"}))
    folder = tmp_path_factory.mktemp("bundles")
    publish(database)
    log = log_of(COUNT, 11)
    store(database, log[:180], generation=6)
    store(database, log[180:])
    copies = FileCopies(folder / "checkpoints.jsonl")
    seal(database, copies=[copies])
    Writing(folder / "bundle", BundleStore(database.client), NOW).run()
    yield database, folder / "bundle", copies.path
    database.client.command("DROP DATABASE bundled")


def test_the_verifier_recomputes_the_same_total(
    made: tuple[Database, Path, Path], verify: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    database, folder, checkpoints = made
    code, answer = verify(folder, "--checkpoints", str(checkpoints))
    assert (code, answer["findings"]) == (0, [])
    ((tasks, measured, *sums),) = database.rows(queries.TOTALS, authorities=list(AUTHORITIES))
    assert list(answer["totals"].values()) == [tasks, measured, *sums]
    assert database.rows("SELECT sum(treated_tasks), sum(freed_ms) FROM hours_freed_by_authority") == [
        (answer["totals"]["treated"], answer["totals"]["freed_ms"])
    ]
    counts = answer["counts"]
    assert (counts["records"], counts["tasks recomputed"]) == (COUNT + _more(database), tasks)
    assert counts["seals"] == counts["checkpoints"] == len(checkpoints.read_text().splitlines())
    assert counts["registry events"] == len(REGISTRY)


def _more(database: Database) -> int:
    """The workload adds messages to what was asked for."""
    ((count,),) = database.rows("SELECT count() FROM dispositions")
    return int(count) - COUNT


def test_the_total_is_the_reference_models(
    new_database: Callable[[], Database], verify: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    database, log = new_database(), log_of(COUNT, 15)
    publish(database)
    store(database, log)
    Writing(tmp_path / "bundle", BundleStore(database.client), NOW).run()
    (total,) = fold(Records(log), Registry(REGISTRY)).by().values()
    code, answer = verify(tmp_path / "bundle")
    assert code == 0
    assert answer["totals"] == {
        "tasks": total.tasks, "measured": total.measured, "effort_ms": total.effort_ms, "credit_ms": total.credit_ms,
        "saved_ms": total.saved_ms, "treated": total.treated, "freed_ms": total.freed_ms,
    }  # fmt: skip


def rewritten(folder: Path, file: str, change: Callable[[Columns], None]) -> None:
    """A file with other rows, and a manifest that says so."""
    table = pq.read_table(folder / file)
    columns: Columns = {name: table.column(name).to_pylist() for name in table.column_names}
    change(columns)
    pq.write_table(pa.table(columns, schema=table.schema), folder / file)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][file]["sha256"] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def setting(name: str, other: Callable[[Any], Any], **where: Any) -> Callable[[Columns], None]:
    """Changes a column of some row."""

    def change(columns: Columns) -> None:
        among = [n for n in range(len(columns[name])) if all(columns[key][n] == value for key, value in where.items())]
        at = Random(3).choice(among)
        columns[name][at] = other(columns[name][at])

    return change


def deleting(**where: Any) -> Callable[[Columns], None]:
    def change(columns: Columns) -> None:
        among = [
            n
            for n in range(len(next(iter(columns.values()))))
            if all(columns[key][n] == value for key, value in where.items())
        ]
        at = Random(4).choice(among)
        for values in columns.values():
            del values[at]

    return change


def swapping(name: str, **where: Any) -> Callable[[Columns], None]:
    def change(columns: Columns) -> None:
        among = [n for n in range(len(columns[name])) if all(columns[key][n] == value for key, value in where.items())]
        one, other = Random(5).sample(among, 2)
        columns[name][one], columns[name][other] = columns[name][other], columns[name][one]

    return change


def _saved_more(columns: Columns) -> None:
    at = columns["status"].index("measured")
    for name in ("credit_ms", "saved_ms"):
        columns[name][at] = (columns[name][at] or 0) + 60_000


TAMPERED: dict[str, tuple[str, Callable[[Columns], None], str]] = {
    "a payload": ("records.parquet", setting("payload", lambda value: value + b" ", accepted=1), "record"),
    "a salt": ("records.parquet", setting("salt", lambda value: value[::-1], accepted=1), "record"),
    "a broker time": ("records.parquet", setting("broker_ms", lambda value: value + 1), "record"),
    "a code": ("records.parquet", setting("code", lambda _: "other", accepted=0), "record"),
    "an id": ("records.parquet", setting("event_id", lambda value: value + "x", accepted=1), "record"),
    "a record less": ("records.parquet", deleting(), "missing"),
    "records swapped": ("records.parquet", swapping("payload", accepted=1), "record"),
    "a leaf": ("records.parquet", setting("leaf", lambda value: value[::-1]), "record"),
    "a mean": ("baselines.parquet", setting("mean_ms", lambda value: value + 1, kind="published"), "registry"),
    "a baseline's payload": ("baselines.parquet", setting("payload", lambda value: value.replace("3600000", "3600001"), kind="published"), "registry"),
    "a baseline less": ("baselines.parquet", deleting(), "missing"),
    "a sector": ("authorities.parquet", setting("sector", lambda _: "state", sector="municipality"), "registry"),
    "a seal": ("seals.parquet", setting("chain", lambda value: value[::-1]), "seal"),
    "a seal less": ("seals.parquet", deleting(topic=TOPIC, last_offset=19), "seal"),
    "a seal's count": ("seals.parquet", setting("records", lambda value: value + 1), "seal"),
    "seals swapped": ("seals.parquet", swapping("chain", topic=TOPIC), "seal"),
    "a saving": ("measurements.parquet", _saved_more, "measurement"),
    "a status": ("measurements.parquet", setting("status", lambda _: "incomplete", status="measured"), "measurement"),
    "a revision": ("measurements.parquet", setting("revision", lambda value: value + 1), "measurement"),
    "a day": ("measurements.parquet", setting("day", lambda value: value + 1), "measurement"),
    "a generation": ("measurements.parquet", setting("generation", lambda _: 99), "measurement"),
    "a measurement less": ("measurements.parquet", deleting(), "measurement"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_changed_in_a_bundle_is_named(
    name: str, made: tuple[Database, Path, Path], verify: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    file, change, kind = TAMPERED[name]
    folder = tmp_path / "bundle"
    shutil.copytree(made[1], folder)
    rewritten(folder, file, lambda _: None)
    assert verify(folder)[0] == 0
    rewritten(folder, file, change)
    code, answer = verify(folder)
    assert (code, answer["verified"]) == (1, False)
    assert kind in {found["kind"] for found in answer["findings"]}, answer["findings"]


def test_files_and_totals_are_those_of_the_manifest(
    made: tuple[Database, Path, Path], verify: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(made[1], folder)
    with (folder / "records.parquet").open("ab") as file:
        file.write(b"x")
    (folder / "queries.sql").unlink()
    (folder / "more.txt").write_text("x")
    code, answer = verify(folder)
    assert (code, {found["where"] for found in answer["findings"]}) == (
        1,
        {"records.parquet", "queries.sql", "more.txt"},
    )
    shutil.rmtree(folder)
    shutil.copytree(made[1], folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["totals"]["saved_ms"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    code, answer = verify(folder)
    assert (code, [(found["kind"], found["where"]) for found in answer["findings"]]) == (1, [("total", "saved_ms")])


def test_a_bundle_that_was_rewritten_as_a_whole_is_not_that_of_the_checkpoints(
    made: tuple[Database, Path, Path], verify: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path,
    new_database: Callable[[], Database],
) -> None:  # fmt: skip
    """Another history, sealed as well: by itself it is verified."""
    database = new_database()
    publish(database)
    store(database, log_of(COUNT, 12))
    seal(database)
    Writing(tmp_path / "bundle", BundleStore(database.client), NOW).run()
    assert verify(tmp_path / "bundle")[0] == 0
    code, answer = verify(tmp_path / "bundle", "--checkpoints", str(made[2]))
    assert (code, {found["kind"] for found in answer["findings"]} - {"missing"}) == (1, {"checkpoint"})


class Busy:
    """The store of a database where something happens after the first look."""

    def __init__(self, database: Database, then: Callable[[], None]) -> None:
        self._store, self._then, self._looks = BundleStore(database.client), then, 0

    def ends(self) -> dict[Place, int]:
        found = self._store.ends()
        self._looks += 1
        if self._looks == 1:
            self._then()
        return found

    def records(self, place: Place) -> Iterator[pa.Table]:
        return self._store.records(place)

    def table(self, sql: str, topics: Sequence[str], authorities: Sequence[str]) -> pa.Table:
        found = self._store.table(sql, topics, authorities)
        if sql == queries.MEASUREMENTS:
            self._then()
        return found


def test_a_bundle_that_is_made_while_records_come_and_after_an_erasure(
    new_database: Callable[[], Database], verify: Callable[..., tuple[int, dict[str, Any]]], tmp_path: Path
) -> None:
    database, log = new_database(), log_of(COUNT, 13)
    publish(database)
    store(database, log[:200])
    seal(database)
    erasures = ErasureStore(database.client)
    ((task,),) = database.rows(
        "SELECT task FROM task_measurements WHERE authority = {a:String} ORDER BY task LIMIT 1", a=AUTHORITIES[0]
    )
    wanted = erasures.of_task(TOPIC, task)
    erasures.announce(wanted, Request("court-order", "legal-office", NOW))
    assert erase_again(erasures, wanted) == []
    parts = iter((log[200:230], log[230:260]))
    manifest = Writing(
        tmp_path / "bundle", Busy(database, lambda: store(database, next(parts))), NOW, AUTHORITIES
    ).run()
    assert manifest["settled_to"] != manifest["stored_to"]
    code, answer = verify(tmp_path / "bundle")
    assert (code, answer["findings"]) == (0, [])
    counts = answer["counts"]
    assert counts["tasks that moved while the bundle was made, not compared"] > 0
    assert (counts["erased records"], counts["tasks whose record was erased, not compared"]) == (len(wanted), 1)
    assert counts["tasks recomputed"] > 50

    one = Writing(tmp_path / "one", BundleStore(database.client), NOW, AUTHORITIES[:1]).run()
    assert one["topics"] == [TOPIC]
    code, answer = verify(tmp_path / "one")
    assert (code, answer["totals"]["tasks"]) == (0, one["totals"]["tasks"])
    assert 0 < one["totals"]["tasks"] < manifest["totals"]["tasks"]


def test_what_hinders_a_bundle(
    made: tuple[Database, Path, Path], new_database: Callable[[], Database], tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match="not empty"):
        Writing(made[1], BundleStore(made[0].client), NOW).run()
    with pytest.raises(Misconfigured, match="nothing is stored"):
        Writing(tmp_path / "none", BundleStore(made[0].client), NOW, ["10000033"]).run()
    database = new_database()
    store(database, log_of(50, 14))

    others = count()

    def erase() -> None:
        rows = database.rows(
            f"SELECT log_no, topic, partition, offset FROM events ORDER BY ALL LIMIT 1 OFFSET {next(others)}"
        )
        columns = ["log_no", "topic", "partition", "offset"]
        database.client.insert("erasures", [list(row) for row in rows], column_names=columns)

    with pytest.raises(Retry, match="erased meanwhile"):
        Writing(tmp_path / "late", Busy(database, erase), NOW).run()
    assert not (tmp_path / "late" / "manifest.json").exists()
