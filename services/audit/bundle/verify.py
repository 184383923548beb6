"""Verifies a bundle that `frigjort audit bundle` wrote, offline. Needs Python 3.11 and pyarrow, and nothing of Frigjort.

    python verify.py [FOLDER] [--checkpoints FILE]... [--json]

1. Files: each is the one that the manifest names, by SHA-256.
2. Records: digest = SHA256(salt payload); leaf = SHA256(log_no/topic/partition/offset/broker_ms/ + digest, or code/path where
   rejected); columns are what the payload says; no offset is missing, none has two contents; what has no payload is in erasures.
3. Seals: h_i = SHA256(h_(i-1) leaf_i) from 32 zero bytes on, along each partition; each seal is h at its offset; the end of
   each hour of broker time has one. The registry (baselines, authorities) is chained by generation, under log number 0.
4. Checkpoints that you kept elsewhere, one JSON event a line: each is h at its offset. Only this shows a bundle, or a database,
   that was rewritten as a whole, seals and all.
5. Measurements: each task is measured again from its events and the baselines in force at its generation, in the plain words of
   docs/measuring.md, and every column is compared; then the totals.

Exit code 0: nothing was found; 1: something was; 2: called wrongly. It is one file on purpose: read it before you trust it.
"""

import argparse
import datetime as dt
import hashlib
import itertools
import json
import pathlib
import re
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq

HOUR_MS = 3_600_000
RULES = 1
REGISTRY = (0, "frigjort.baselines.v1", 0)
TASK = "dk.frigjort.task."
GRADES = {
    "randomised": "A",
    "holdout": "A",
    "concurrent": "B",
    "history": "C",
    "expert_estimate": "D",
    "self_report": "D",
}
MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))")
SHOWN = 50

Place = tuple[int, str, int]
Row = dict[str, Any]


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def epoch_ms(text: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 timestamp, cut off."""
    found = MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    *parts, fraction, sign, hours, minutes = found.groups()
    moment = dt.datetime(*map(int, parts), tzinfo=dt.UTC)  # type: ignore[arg-type,misc]
    offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    return (int(moment.timestamp()) - offset * 60) * 1000 + int(f"{fraction or ''}000"[:3])


class Report:
    """What was counted, and what is wrong."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.findings: list[dict[str, str]] = []
        self.found = 0

    def count(self, name: str, number: int = 1) -> None:
        """Counts something."""
        self.counts[name] = self.counts.get(name, 0) + number

    def wrong(self, kind: str, where: str, what: str) -> None:
        """Notes what is wrong; the first ones are shown."""
        self.found += 1
        if len(self.findings) < SHOWN:
            self.findings.append({"kind": kind, "where": where, "what": what})


class Bundle:
    """The files of a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a file."""
        for batch in pq.ParquetFile(self.folder / name).iter_batches(batch_size=10_000):
            yield from batch.to_pylist()

    def check_files(self, report: Report) -> None:
        """Whether the files are those of the manifest, and no others."""
        for name, expected in self.manifest["files"].items():
            file = self.folder / name
            if not file.exists():
                report.wrong("file", name, "is missing")
                continue
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            if digest != expected["sha256"]:
                report.wrong("file", name, f"is not the one that was written: its SHA-256 is {digest}")
        here = {file.name for file in self.folder.iterdir()}
        for name in sorted(here - {*self.manifest["files"], "manifest.json"}):
            report.wrong("file", name, "is not in the manifest")


# -- the chain ----------------------------------------------------------------------------------------------------------------


class Chain:
    """The chain of one partition, with the seals and the checkpoints that it must come out at."""

    def __init__(self, place: Place, seals: list[Row], kept: list[Row], report: Report) -> None:
        self.where = "/".join(map(str, place))
        self.first = 1 if place == REGISTRY else 0
        self.next = self.first
        self.head = bytes(32)
        self.hour = 0
        self.right = self.first - 1
        self.broken = False
        self.seals, self.kept, self.report = _by_offset(seals), _by_offset(kept), report

    def add(self, offset: int, broker_ms: int, leaf: bytes) -> None:
        """The next record. Where the chain does not come out at a seal it goes on from the seal."""
        if offset != self.next:
            self.report.wrong("missing", f"{self.where}/{self.next}", f"not stored, up to {offset - 1}")
            self.next, self.broken = offset, True
        elif broker_ms // HOUR_MS > self.hour and self.next > self.first:
            self.hour_ends()
        self.head = sha256(self.head + leaf)
        self.hour = max(self.hour, broker_ms // HOUR_MS)
        self.next += 1
        for seal in self.seals.get(offset, []):
            self.compare("seal", offset, seal)
        for checkpoint in self.kept.get(offset, []):
            self.compare("checkpoint", offset, checkpoint)
        if offset in self.seals:
            self.head, self.broken = self.seals[offset][0]["chain"], False

    def compare(self, kind: str, offset: int, seal: Row) -> None:
        """Compares a seal, or a checkpoint from elsewhere, with the chain here."""
        self.report.count(f"{kind}s")
        expected = {"chain": self.head, "records": offset - self.first + 1, "closed_ms": (self.hour + 1) * HOUR_MS}
        wrong = [
            name for name, value in expected.items() if seal[name] != value and not (self.broken and name != "records")
        ]
        if wrong:
            what = f"{', '.join(wrong)} of the {kind} here, or a record since {self.right + 1}, is not what was sealed"
            self.report.wrong(kind, f"{self.where}/{offset}", what)
        self.right = offset

    def hour_ends(self) -> None:
        """A seal belongs here."""
        if self.next - 1 not in self.seals and self.next - 1 < max(self.seals, default=-1):
            self.report.wrong(
                "seal", f"{self.where}/{self.next - 1}", "an hour ends here and has no seal, later ones have"
            )

    def end(self) -> None:
        """What is known when all records have been seen."""
        for offset in sorted({*self.seals, *self.kept}):
            if offset >= self.next:
                self.report.wrong(
                    "missing", f"{self.where}/{offset}", f"sealed, and nothing is stored from {self.next} on"
                )
                break
        sealed = max((offset for offset in self.seals if offset < self.next), default=self.first - 1)
        self.report.count("records not sealed yet", self.next - 1 - sealed)


def _by_offset(seals: list[Row]) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for seal in seals:
        found.setdefault(seal["last_offset"], []).append(seal)
    return found


def by_place(seals: list[Row]) -> dict[Place, list[Row]]:
    """Seals by partition."""
    found: dict[Place, list[Row]] = {}
    for seal in seals:
        found.setdefault((seal["log_no"], seal["topic"], seal["partition"]), []).append(seal)
    return found


def read_checkpoints(files: list[pathlib.Path]) -> list[Row]:
    """The checkpoints in files of JSON lines."""
    lines = {line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()}
    told = [json.loads(line)["data"] for line in sorted(lines)]
    return [{**data, "chain": bytes.fromhex(data["chain"]), "closed_ms": data["closed_at_ms"]} for data in told]


# -- records ------------------------------------------------------------------------------------------------------------------


class Records:
    """Walks through all records, and keeps the event of each task that counts."""

    def __init__(
        self, bundle: Bundle, seals: dict[Place, list[Row]], kept: dict[Place, list[Row]], report: Report
    ) -> None:
        self.bundle, self.seals, self.kept, self.report = bundle, seals, kept, report
        names = ("log_no", "topic", "partition", "offset")
        self.erased = {tuple(row[name] for name in names) for row in bundle.rows("erasures.parquet")}
        self.settled = {(log_no, topic, number): last for log_no, topic, number, last in bundle.manifest["settled_to"]}
        self.tasks: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.moving: set[tuple[str, str]] = set()
        """Tasks with an event that came while the bundle was made: not compared."""
        self.unknown: set[tuple[str, str]] = set()
        """Tasks with an event that was erased."""

    def walk(self) -> None:
        """Checks all records, partition by partition."""
        seen = set()
        place_of = lambda row: (row["log_no"], row["topic"], row["partition"])  # noqa: E731 - a key
        for place, rows in itertools.groupby(self.bundle.rows("records.parquet"), key=place_of):
            seen.add(place)
            chain = Chain(place, self.seals.get(place, []), self.kept.get(place, []), self.report)
            for offset, same in itertools.groupby(rows, key=lambda row: row["offset"]):
                self._coordinate(place, offset, list(same), chain)
            chain.end()
        for place in sorted({*self.seals, *self.kept} - seen - {REGISTRY}):
            if place[1] in self.bundle.manifest["topics"]:
                Chain(place, self.seals.get(place, []), self.kept.get(place, []), self.report).end()

    def _coordinate(self, place: Place, offset: int, rows: list[Row], chain: Chain) -> None:
        where = "/".join(map(str, (*place, offset)))
        self.report.count("records")
        for row in rows:
            for what in self._wrong(where, row, is_erased=(*place, offset) in self.erased):
                self.report.wrong("record", where, what)
        if len({row["digest"] for row in rows if row["accepted"]}) > 1:
            self.report.wrong("record", where, "two different contents")
        counts = min(rows, key=lambda row: (-row["accepted"], -row["rules"], row["digest"]))
        chain.add(offset, counts["broker_ms"], counts["leaf"])
        if counts["accepted"] and counts["event_type"].startswith(TASK):
            self._keep(place, offset, counts)

    def _wrong(self, where: str, row: Row, *, is_erased: bool) -> Iterator[str]:
        made_of = row["digest"] if row["accepted"] else f"{row['code']}/{row['path']}".encode()
        if row["leaf"] != sha256(f"{where}/{row['broker_ms']}/".encode() + made_of):
            yield "the leaf is not that of coordinate, broker time and digest (or code and path)"
        names = ("event_type", "event_source", "event_id", "subject")
        if not row["accepted"]:
            if any(row[name] for name in (*names, "payload", "salt")) or row["digest"] != bytes(32):
                yield "rejected, and yet something of the event is stored"
            return
        if row["code"] or row["path"]:
            yield "accepted, and yet it has a code or a path of a rejection"
        if not row["payload"] and not row["salt"]:
            self.report.count("erased records")
            if not is_erased:
                yield "payload and salt are gone, and no erasure says so"
            return
        if is_erased:
            yield "an erasure says that the payload is gone, and it is here"
        if row["digest"] != sha256(row["salt"] + row["payload"]):
            yield "the digest is not that of salt and payload"
        try:
            event = json.loads(row["payload"])
            said = [event[name] for name in ("type", "source", "id", "subject")]
        except (ValueError, LookupError, TypeError):
            yield "the payload is no event"
            return
        if said != [row[name] for name in names]:
            yield "type, source, id or subject is not what the payload says"

    def _keep(self, place: Place, offset: int, row: Row) -> None:
        """Highest revision; at one revision a retraction; then the lowest coordinate."""
        log_no, topic, partition = place
        task = (topic.rpartition(".")[2], row["subject"])
        if offset > self.settled.get(place, -1):
            self.moving.add(task)
        if not row["payload"]:
            self.unknown.add(task)
            return
        try:
            revision = int(json.loads(row["payload"])["data"]["revision"])
        except (ValueError, LookupError, TypeError):
            return  # said already
        kind = 2 if row["event_type"] == f"{TASK}retracted.v1" else 1
        event = (revision, kind, -log_no, -partition, -offset, row)
        if task not in self.tasks or self.tasks[task][:5] < event[:5]:
            self.tasks[task] = event


# -- the registry -------------------------------------------------------------------------------------------------------------


class Registry:
    """All that the registry has said, by generation."""

    def __init__(self, bundle: Bundle, chain: Chain, report: Report) -> None:
        rows = [*bundle.rows("baselines.parquet"), *bundle.rows("authorities.parquet")]
        self.events: list[tuple[int, Row]] = []
        self.newest = 0
        self._at: dict[int, dict[Any, list[Any]]] = {}
        rows.sort(key=lambda row: (row["generation"], row["digest"]))
        for generation, same in itertools.groupby(rows, key=lambda row: row["generation"]):
            where, contents = f"generation {generation}", list(same)
            report.count("registry events", len(contents))
            if len(contents) > 1:
                report.wrong("registry", where, f"{len(contents)} contents")
            for row in contents:
                self._take(generation, row, where, report)
            row = contents[0]
            coordinate = f"{REGISTRY[0]}/{REGISTRY[1]}/{REGISTRY[2]}/{generation}/{row['published_ms']}/"
            chain.add(generation, row["published_ms"], sha256(coordinate.encode() + row["digest"]))
        chain.end()

    def _take(self, generation: int, row: Row, where: str, report: Report) -> None:
        if row["digest"] != sha256(row["payload"].encode()):
            report.wrong("registry", where, "the digest is not that of the payload")
        try:
            event = json.loads(row["payload"])
            data = event["data"]
            said = {"generation": data["generation"], "published_ms": epoch_ms(event["time"])}
            name, version = ("authority", "authority_version") if "name" in data else ("baseline", "baseline_version")
            said |= {name: data[name], version: data["version"]}
            copied = ("level", "task_type", "complexity", "method", "sector", "n", "clusters", "mean_ms", "cap_ms")
            said |= {each: data[each] for each in copied if each in data and each in row}
            said |= {each: data[each] for each in ("standard_error_ms", "median_ms", "p90_ms") if each in data}
            said |= {
                f"{each}_ms": epoch_ms(data[each]) for each in ("valid_from", "valid_to", "expires_at") if each in data
            }
            if "method" in data:
                said["grade"] = GRADES[data["method"]]
        except (ValueError, LookupError, TypeError, AttributeError):
            report.wrong("registry", where, "the payload is no event of the registry")
            return
        for each, value in said.items():
            if row[each] != value:
                report.wrong("registry", where, f"column {each} is not what the payload says")
        self.events.append((generation, event))
        self.newest = max(self.newest, generation)

    def match(self, generation: int, task: Row) -> Any:
        """The authority's own baseline, else its sector's, else the nation's; within a level for the complexity, else for
        any; in force when the task was completed; of several the newest generation."""
        known = self._known(generation)
        sector = known.get(("sector of", task["authority"]), [None])[0]
        levels = (("authority", task["authority"]), ("sector", sector), ("nation", None))
        completed = epoch_ms(task["completed_at"])
        for level, whose in levels:
            for complexity in (task["complexity"], "any"):
                if level == "sector" and whose is None:
                    continue
                for baseline in reversed(known.get((level, whose, task["task_type"], complexity), [])):
                    until = min(epoch_ms(baseline["valid_to"]), epoch_ms(baseline["expires_at"]))
                    if epoch_ms(baseline["valid_from"]) <= completed < until:
                        return baseline
        return None

    def _known(self, generation: int) -> dict[Any, list[Any]]:
        """What is in force under a generation, by scope, oldest first; and the sector of each authority."""
        if generation not in self._at:
            told = [event for number, event in self.events if number <= generation]
            withdrawn = {
                (event["data"]["baseline"], event["data"]["version"])
                for event in told
                if "withdrawn_by" in event["data"]
            }
            found: dict[Any, list[Any]] = {}
            newest: dict[str, tuple[int, int]] = {}
            for data in (event["data"] for event in told):
                if "name" in data and newest.get(data["authority"], (0, 0)) < (data["version"], data["generation"]):
                    newest[data["authority"]] = (data["version"], data["generation"])
                    found["sector of", data["authority"]] = [data["sector"]]
                elif "mean_ms" in data and (data["baseline"], data["version"]) not in withdrawn:
                    whose = data.get("authority", data.get("sector"))
                    found.setdefault((data["level"], whose, data["task_type"], data["complexity"]), []).append(data)
            self._at[generation] = found
        return self._at[generation]


# -- measuring ----------------------------------------------------------------------------------------------------------------


def measured(task: Row, baseline: Row | None) -> Row:
    """The figures of a task, milliseconds."""
    cap = baseline.get("cap_ms") if baseline is not None and task["time_basis"] == "elapsed" else None
    counted = task["active_ms"] if cap is None else min(task["active_ms"], cap)
    effort = counted + (task["review_ms"] or 0) + (task["rework_ms"] or 0)
    credited = task["outcome"] == "completed" and task["origin"] == "pre_existing"
    credit = baseline["mean_ms"] if credited and baseline is not None else None
    unknown = task["review_ms"] is None or task["rework_ms"] is None
    status, saved = "measured", (credit or 0) - effort
    if credited and baseline is None:
        status, saved = "unmeasured", None
    elif task["assistance"] != "none" and unknown:
        status, saved = "incomplete", None
    used = baseline or {"baseline": "", "version": 0, "level": "", "method": None}
    return {
        "status": status, "counted_active_ms": counted, "capped": int(counted < task["active_ms"]), "effort_ms": effort,
        "credit_ms": credit, "saved_ms": saved, "baseline": used["baseline"], "baseline_version": used["version"],
        "baseline_level": used["level"], "grade": GRADES[used["method"]] if used["method"] else "",
    }  # fmt: skip


def expected_row(event: tuple[Any, ...], stored: Row, registry: Registry) -> Row:
    """What `task_measurements` must hold for an event, under the generation and the rules that the stored row names."""
    revision, _, log_no, partition, offset, row = event
    task = json.loads(row["payload"])["data"]
    texts = ("task_type", "complexity", "time_basis", "assistance", "assignment", "arm", "origin", "outcome", "work")
    more = ("audience", "programme", "study", "stratum", "cluster", "cluster_kind")
    numbers = ("active_ms", "review_ms", "rework_ms", "predicted_without_ai_ms", "predicted_with_ai_ms")
    completed = epoch_ms(task["completed_at"])
    return {
        "authority": task["authority"], "task": task["task"], "revision": revision, "log_no": -log_no,
        "partition": -partition, "offset": -offset, "broker_ms": row["broker_ms"], "day": completed // 86_400_000,
        "started_ms": epoch_ms(task["started_at"]), "completed_ms": completed,
        **{name: task.get(name) or "" for name in (*texts, *more)}, **{name: task.get(name) for name in numbers},
        **measured(task, registry.match(stored["generation"], task)),
        "rules": RULES, "generation": stored["generation"],
    }  # fmt: skip


class Measurements:
    """Compares each task of `measurements.parquet`, and adds up."""

    def __init__(self, records: Records, registry: Registry, report: Report) -> None:
        self.records, self.registry, self.report = records, registry, report
        self.totals = dict.fromkeys(
            ("tasks", "measured", "effort_ms", "credit_ms", "saved_ms", "treated", "freed_ms"), 0
        )
        self.stored = dict(self.totals)

    def check(self, bundle: Bundle) -> None:
        """All of them; then what the records hold and no measurement does; then the totals."""
        records = self.records
        left = {task for task, event in records.tasks.items() if event[1] == 1}
        for stored in bundle.rows("measurements.parquet"):
            left.discard((stored["authority"], stored["task"]))
            _add(self.stored, stored)
            _add(self.totals, self._recomputed(stored))
        for task in sorted(left - records.moving - records.unknown):
            self.report.wrong("measurement", "/".join(task), "the records hold this task, the measurements do not")
        for name, said in bundle.manifest["totals"].items():
            if not self.totals[name] == self.stored[name] == said:
                found = f"its rows add up to {self.stored[name]}, recomputed {self.totals[name]}"
                self.report.wrong("total", name, f"the manifest says {said}, {found}")

    def _recomputed(self, stored: Row) -> Row:
        """The row as it must be; as it is stored where that cannot be known."""
        task, records = (stored["authority"], stored["task"]), self.records
        where, event = "/".join(task), records.tasks.get(task)
        place = (stored["log_no"], f"frigjort.tasks.v1.{task[0]}", stored["partition"])
        if task in records.moving or stored["offset"] > records.settled.get(place, -1):
            self.report.count("tasks that moved while the bundle was made, not compared")
        elif (*place, stored["offset"]) in records.erased:
            self.report.count("tasks whose record was erased, not compared")
        elif stored["generation"] > self.registry.newest:
            self.report.wrong("measurement", where, f"generation {stored['generation']} is not in the registry")
        elif event is None or event[1] == 2:
            self.report.wrong("measurement", where, "no record says so")
        else:
            self.report.count("tasks recomputed")
            expected = expected_row(event, stored, self.registry)
            for name, value in expected.items():
                if stored[name] != value:
                    self.report.wrong("measurement", where, f"{name} is {stored[name]}, recomputed {value}")
            return expected
        return stored


def _add(totals: dict[str, int], row: Row) -> None:
    totals["tasks"] += 1
    if row["status"] == "measured":
        totals["measured"] += 1
        for name in ("effort_ms", "credit_ms", "saved_ms"):
            totals[name] += row[name] or 0
        if row["arm"] != "control" and (row["arm"] == "treatment" or row["assistance"] != "none"):
            totals["treated"] += 1
            totals["freed_ms"] += row["saved_ms"] or 0


def verify(folder: pathlib.Path, checkpoints: list[pathlib.Path]) -> tuple[Report, dict[str, int]]:
    """What was found, and the totals as recomputed."""
    report, bundle = Report(), Bundle(folder)
    bundle.check_files(report)
    if report.found:
        return report, {}
    seals, kept = by_place(list(bundle.rows("seals.parquet"))), by_place(read_checkpoints(checkpoints))
    records = Records(bundle, seals, kept, report)
    records.walk()
    registry = Registry(bundle, Chain(REGISTRY, seals.get(REGISTRY, []), kept.get(REGISTRY, []), report), report)
    measurements = Measurements(records, registry, report)
    measurements.check(bundle)
    return report, measurements.totals


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Verifies a bundle of `frigjort audit bundle`, offline.")
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    parser.add_argument(
        "--checkpoints", action="append", type=pathlib.Path, default=[], help="kept elsewhere; JSON lines"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(arguments)
    report, totals = verify(given.folder, given.checkpoints)
    verified = not report.found
    if given.json:
        print(
            json.dumps(
                {
                    "verified": verified,
                    "found": report.found,
                    "findings": report.findings,
                    "counts": report.counts,
                    "totals": totals,
                }
            )
        )
        return 0 if verified else 1
    for finding in report.findings:
        print(f"{finding['kind']}  {finding['where']}: {finding['what']}")
    for name, number in {**report.counts, **totals}.items():
        print(f"{name}: {number:,}")
    print("VERIFIED" if verified else f"NOT what was stored: {report.found} findings")
    return 0 if verified else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
