"""Writes a bundle while everything goes on.

Order makes it sound. Measurements are read at once, between two looks at how far records are stored: whatever stood before the
first look was measured by then (a row in `records` comes last), so its task must come out; a task with an event between the looks
has moved, and is not compared. Records are taken up to the second look, the registry after all of that, so that every
generation is in it. The ledger of erasures is read before and after: where it grew meanwhile the bundle is not made.
The manifest is written last, so a folder without one is no bundle.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import RULES, topics
from services.audit.bundle import queries
from services.domain.accounts import Place
from services.domain.tables import roles
from services.runtime.errors import Misconfigured, Retry

FORMAT: Final = 1
_VERIFIER: Final = Path(__file__).with_name("verify.py")
_SUMMED: Final = ("effort_ms", "credit_ms", "saved_ms")


class Store(Protocol):
    """What is read. Raises `Retry` or `Halt`."""

    def ends(self) -> dict[Place, int]:
        """The highest stored offset of each partition."""
        ...

    def records(self, place: Place) -> Iterable[pa.Table]:
        """All rows of a partition, by offset, page by page."""
        ...

    def table(self, sql: str, topics: Sequence[str], authorities: Sequence[str]) -> pa.Table:
        """The whole answer to one of `queries`."""
        ...


@dataclass(frozen=True, slots=True)
class Writing:
    """`cvrs`: of these authorities alone; none: of all. `watch` hears of each page how many rows it had."""

    folder: Path
    store: Store
    now: datetime
    cvrs: Sequence[str] = ()
    watch: Callable[[int], None] = lambda _: None

    def run(self) -> dict[str, Any]:
        """Writes everything; the manifest. Raises `Misconfigured` where the folder is not empty, `Retry` or `Halt`."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise Misconfigured(str(self.folder), "the folder is not empty: name a new one")
        self.folder.mkdir(parents=True, exist_ok=True)
        settled = self._chosen(self.store.ends())
        names = sorted({topic for _, topic, _ in settled})
        rows: dict[str, int] = {}

        def write(file: str, sql: str) -> pa.Table:
            table = self.store.table(sql, names, [topics.authority_of(name) for name in names])
            pq.write_table(table, self.folder / file, compression="zstd")
            rows[file] = table.num_rows
            return table

        erased = write("erasures.parquet", queries.ERASURES)
        measurements = write("measurements.parquet", queries.MEASUREMENTS)
        ends = {place: end for place, end in self._chosen(self.store.ends()).items() if place[1] in names}
        rows["records.parquet"] = self._records(ends)
        seals = write("seals.parquet", queries.SEALS)
        for file, sql in (("baselines.parquet", queries.BASELINES), ("authorities.parquet", queries.AUTHORITIES)):
            write(file, sql)
        if write("erasures.parquet", queries.ERASURES) != erased:
            raise Retry(
                "the ledger of erasures", "something was erased meanwhile: write the bundle again, into a new folder"
            )
        self._seals_up_to(seals, ends, rows)
        self._write_text("queries.sql", "".join(f"-- {name}\n{sql};\n\n" for name, sql in queries.AS_A_FILE.items()))
        self._write_text("verify.py", _VERIFIER.read_text(encoding="utf-8"))
        manifest = {
            "format": FORMAT,
            "made_at": self.now.isoformat(),
            "rules": RULES,
            "parameters": {"cvr": sorted(self.cvrs)},
            "topics": names,
            "settled_to": [[*place, end] for place, end in sorted(settled.items())],
            "stored_to": [[*place, end] for place, end in sorted(ends.items())],
            "totals": _totals(measurements),
            "files": {file: self._known(file) | {"rows": count} for file, count in sorted(rows.items())}
            | {file: self._known(file) for file in ("queries.sql", "verify.py")},
        }
        self._write_text("manifest.json", json.dumps(manifest, indent=1) + "\n")
        return manifest

    def _chosen(self, ends: dict[Place, int]) -> dict[Place, int]:
        wanted = set(map(topics.tasks_topic, self.cvrs))
        return {place: end for place, end in ends.items() if not wanted or place[1] in wanted}

    def _records(self, ends: dict[Place, int]) -> int:
        """The rows of these partitions up to their ends; how many."""
        count = 0
        writer: pq.ParquetWriter | None = None
        for place in sorted(ends):
            for page in self.store.records(place):
                kept = page.filter(pc.less_equal(page.column("offset"), ends[place]))
                if writer is None:
                    writer = pq.ParquetWriter(self.folder / "records.parquet", kept.schema, compression="zstd")
                writer.write_table(kept)
                count += kept.num_rows
                self.watch(kept.num_rows)
        if writer is None:
            raise Misconfigured("--cvr", "nothing is stored of what was chosen")
        writer.close()
        return count

    def _seals_up_to(self, seals: pa.Table, ends: dict[Place, int], rows: dict[str, int]) -> None:
        """Leaves out seals of records that came after the second look."""
        places = zip(*(seals.column(name).to_pylist() for name in ("log_no", "topic", "partition")), strict=True)
        offsets = seals.column("last_offset").to_pylist()
        kept = [place[0] == 0 or offset <= ends.get(place, -1) for place, offset in zip(places, offsets, strict=True)]
        table = seals.filter(pa.array(kept, pa.bool_()))
        pq.write_table(table, self.folder / "seals.parquet", compression="zstd")
        rows["seals.parquet"] = table.num_rows

    def _write_text(self, file: str, text: str) -> None:
        (self.folder / file).write_text(text, encoding="utf-8")

    def _known(self, file: str) -> dict[str, Any]:
        path = self.folder / file
        with path.open("rb") as opened:
            return {"sha256": hashlib.file_digest(opened, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _totals(measurements: pa.Table) -> dict[str, int]:
    """Sums over the measured tasks, milliseconds; `tasks` counts all. What the treated among them saved is the hours freed."""
    measured = measurements.filter(pc.equal(measurements.column("status"), "measured"))
    sums = {name: int(pc.sum(measured.column(name)).as_py() or 0) for name in _SUMMED}
    treated = measured.filter(pc.equal(roles(measured), "treated"))
    freed = {"treated": treated.num_rows, "freed_ms": int(pc.sum(treated.column("saved_ms")).as_py() or 0)}
    return {"tasks": measurements.num_rows, "measured": measured.num_rows, **sums, **freed}
