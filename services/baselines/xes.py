"""Event logs in XES, IEEE 1849-2016 and 1849-2023, plain or gzip, read in constant memory.

What the revision of 2023 changes for a reader: attributes of the log may stand anywhere before its traces (the schema of
2016 had their place wrong), and five extensions came into the standard, of which one matters here. Events of the Micro
extension above level 1 are steps inside another event's work: a piece of work made of them would count the same time twice.
Moves of the Artifact Lifecycle extension are nested in an event and are no transitions of it. The versions are not told apart
by `xes.version`, which tools write as they like: both are read in one way.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from lxml import etree

from services.baselines.source_files import Watch, opened, unwatched
from services.baselines.work_items import ReadingCounts, WorkItem, moment_of


def read_xes(path: Path, counts: ReadingCounts, prefix: str = "", watch: Watch = unwatched) -> Iterator[WorkItem]:
    """The pieces of work in a log: a START and the next COMPLETE of the same work item in the same trace.

    A work item is an activity (`concept:name`) and, where the log has them, its instance (`concept:instance`). Of two
    starts in a row the later one counts. Suspensions are not taken out: the time is elapsed time. `prefix` selects
    activities. Raises `ValueError` with the place where the file is not XES.
    """
    with opened(path, watch) as stream:
        try:
            yield from _read(stream, path, counts, prefix)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{path} is not XES: {error.msg}") from error


def _read(stream: IO[bytes], path: Path, counts: ReadingCounts, prefix: str) -> Iterator[WorkItem]:
    tags = ("{*}trace", "{*}event")
    found = etree.iterparse(stream, tag=tags, huge_tree=True, no_network=True, resolve_entities=False)
    number = 0
    for _, element in found:
        log = element.getparent()
        if log is None or log.getparent() is not None:
            continue  # an event inside a trace: it is read with it
        if _name(element) == "trace":
            number += 1
            yield from _items(element, f"trace {number}", path, counts, prefix)
        else:
            counts.outside_cases += 1
        element.clear()
        while element.getprevious() is not None:
            del log[0]
    if _name(found.root) != "log":
        raise ValueError(f"{path} is not XES: its root is {_name(found.root)}, not log")


def _name(element: Any) -> str:
    return str(etree.QName(element).localname)


def _items(trace: Any, name: str, path: Path, counts: ReadingCounts, prefix: str) -> Iterator[WorkItem]:
    case = trace.xpath("string(*[local-name()='string' and @key='concept:name'][1]/@value)") or name
    begun: dict[tuple[str, str], tuple[str, datetime]] = {}
    for number, event in enumerate(trace.iterchildren("{*}event"), start=1):
        fields = {child.get("key"): child.get("value", "") for child in event.iterchildren("*")}
        activity = fields.get("concept:name", "")
        transition = fields.get("lifecycle:transition", "").upper()
        if transition not in {"START", "COMPLETE"} or not activity.startswith(prefix):
            continue
        if fields.get("micro:level", "1") != "1":
            counts.inside_other_work += 1
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
