"""Event logs in XES (IEEE 1849), plain or gzip, read in constant memory."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from lxml import etree

from services.baselines.work_items import ReadingCounts, WorkItem


def read_xes(path: Path, counts: ReadingCounts, prefix: str = "") -> Iterator[WorkItem]:
    """The pieces of work in a log: a START and the next COMPLETE of the same activity in the same trace.

    `prefix` selects activities. Raises `ValueError` with the place where the file is not XES.
    """
    with _opened(path) as stream:
        try:
            for _, trace in etree.iterparse(stream, tag="{*}trace", huge_tree=True, no_network=True):
                yield from _items(trace, counts, prefix)
                trace.clear()
                while trace.getprevious() is not None:
                    del trace.getparent()[0]
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{path} is not XES: {error}") from error


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]


def _items(trace: Any, counts: ReadingCounts, prefix: str) -> Iterator[WorkItem]:
    case = ""
    begun: dict[str, datetime] = {}
    for element in trace:
        name = etree.QName(element).localname
        if name == "string" and element.get("key") == "concept:name":
            case = element.get("value")
        if name != "event":
            continue
        fields = {child.get("key"): child.get("value") for child in element}
        activity = fields.get("concept:name", "")
        if not activity.startswith(prefix):
            continue
        transition = fields.get("lifecycle:transition", "").upper()
        if transition == "START":
            counts.starts_without_completion += activity in begun
            begun[activity] = _moment(fields)
        elif transition == "COMPLETE":
            started = begun.pop(activity, None)
            completed = _moment(fields)
            if started is None:
                counts.completions_without_start += 1
            elif completed < started:
                counts.completed_before_started += 1
            else:
                counts.items += 1
                yield WorkItem(case, activity, started, completed)
    counts.starts_without_completion += len(begun)


def _moment(fields: dict[str, str]) -> datetime:
    moment = datetime.fromisoformat(fields["time:timestamp"]).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
