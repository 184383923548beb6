"""Event logs in XES (IEEE 1849-2016), plain or gzip, read in constant memory."""

import gzip
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from lxml import etree

from services.baselines.work_items import ReadingCounts, WorkItem, moment_of


def read_xes(path: Path, counts: ReadingCounts, prefix: str = "") -> Iterator[WorkItem]:
    """The pieces of work in a log: a START and the next COMPLETE of the same work item in the same trace.

    A work item is an activity (`concept:name`) and, where the log has them, its instance (`concept:instance`). Of two
    starts in a row the later one counts. Suspensions are not taken out: the time is elapsed time. `prefix` selects
    activities. Raises `ValueError` with the place where the file is not XES.
    """
    with _opened(path) as stream:
        try:
            yield from _read(stream, path, counts, prefix)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{path} is not XES: {error}") from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is cut or damaged: {error}") from error


def _read(stream: IO[bytes], path: Path, counts: ReadingCounts, prefix: str) -> Iterator[WorkItem]:
    traces = etree.iterparse(stream, tag="{*}trace", huge_tree=True, no_network=True, resolve_entities=False)
    for number, (_, trace) in enumerate(traces, start=1):
        yield from _items(trace, f"trace {number}", path, counts, prefix)
        trace.clear()
        while trace.getprevious() is not None:
            del trace.getparent()[0]
    if etree.QName(traces.root).localname != "log":
        raise ValueError(f"{path} is not XES: its root is {etree.QName(traces.root).localname}, not log")


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _items(trace: Any, name: str, path: Path, counts: ReadingCounts, prefix: str) -> Iterator[WorkItem]:
    case = trace.xpath("string(*[local-name()='string' and @key='concept:name'][1]/@value)") or name
    begun: dict[tuple[str, str], tuple[str, datetime]] = {}
    for number, event in enumerate(trace.iterchildren("{*}event"), start=1):
        fields = {child.get("key"): child.get("value", "") for child in event.iterchildren("*")}
        activity = fields.get("concept:name", "")
        transition = fields.get("lifecycle:transition", "").upper()
        if transition not in {"START", "COMPLETE"} or not activity.startswith(prefix):
            continue
        place = f"{name} event {number}"
        moment = moment_of(fields.get("time:timestamp", ""), f"{path} {place}")
        work_item = (activity, fields.get("concept:instance", ""))
        if transition == "START":
            counts.starts_without_completion += work_item in begun
            begun[work_item] = (place, moment)
        elif work_item not in begun:
            counts.completions_without_start += 1
        else:
            began_at, started = begun.pop(work_item)
            if moment < started:
                counts.completed_before_started += 1
                continue
            counts.items += 1
            yield WorkItem(case, activity, started, moment, began_at)
    counts.starts_without_completion += len(begun)
