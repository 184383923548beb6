"""Reading XES: what makes a piece of work, what is counted instead, and what is refused with its place."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.baselines.work_items import ReadingCounts, WorkItem
from services.baselines.xes import read_xes

NAMESPACE = ' xmlns="http://www.xes-standard.org/"'


def event(activity: str, transition: str, at: str | None, instance: str = "") -> str:
    fields = f'<string key="concept:name" value="{activity}"/>'
    fields += f'<string key="lifecycle:transition" value="{transition}"/>'
    fields += f'<string key="concept:instance" value="{instance}"/>' if instance else ""
    fields += f'<date key="time:timestamp" value="{at}"/>' if at else ""
    return f"<event>{fields}</event>"


def clock(minute: int) -> str:
    return f"2012-01-01T10:{minute:02d}:00.000+01:00"


def trace(*events: str, name: str = "c1") -> str:
    head = f'<string key="concept:name" value="{name}"/>' if name else ""
    return f"<trace>{head}{''.join(events)}</trace>"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[list[WorkItem], ReadingCounts]]:
    def reading(
        *traces: str, head: str = "", root: str = "log", prefix: str = ""
    ) -> tuple[list[WorkItem], ReadingCounts]:
        file = tmp_path / "log.xes"
        file.write_text(f"{head}<{root}{NAMESPACE}>{''.join(traces)}</{root}>", encoding="utf-8")
        counts = ReadingCounts()
        return list(read_xes(file, counts, prefix)), counts

    return reading


Read = Callable[..., tuple[list[WorkItem], ReadingCounts]]


def test_a_start_and_the_next_completion_are_a_piece_of_work(read: Read) -> None:
    items, counts = read(
        trace(event("A", "SCHEDULE", clock(0)), event("A", "START", clock(1)), event("A", "complete", clock(3)))
    )
    assert items == [
        WorkItem(
            "c1",
            "A",
            datetime(2012, 1, 1, 9, 1, tzinfo=UTC),
            datetime(2012, 1, 1, 9, 3, tzinfo=UTC),
            "trace 1 event 2",
        )
    ]
    assert items[0].duration_ms == 120_000
    assert counts == ReadingCounts(items=1)


def test_activities_and_traces_do_not_mix(read: Read) -> None:
    items, counts = read(
        trace(event("A", "START", clock(1)), event("B", "START", clock(2)), event("A", "COMPLETE", clock(9))),
        trace(event("B", "COMPLETE", clock(4)), name="c2"),
    )
    assert [(i.case, i.activity, i.duration_ms) for i in items] == [("c1", "A", 480_000)]
    assert counts == ReadingCounts(1, starts_without_completion=1, completions_without_start=1)


def test_what_makes_no_pair_is_counted(read: Read) -> None:
    items, counts = read(
        trace(
            event("A", "COMPLETE", clock(0)),
            event("A", "START", clock(1)),
            event("A", "START", clock(2)),
            event("A", "COMPLETE", clock(3)),
            event("A", "COMPLETE", clock(4)),
            event("B", "START", clock(5)),
            event("B", "COMPLETE", clock(4)),
            event("C", "START", clock(6)),
        )
    )
    assert [i.duration_ms for i in items] == [60_000]
    assert counts == ReadingCounts(1, 2, 2, 1)
    assert counts.left_out == 6


def test_instances_of_one_activity_may_overlap(read: Read) -> None:
    items, counts = read(
        trace(
            event("A", "START", clock(0), "1"),
            event("A", "START", clock(1), "2"),
            event("A", "COMPLETE", clock(5), "1"),
            event("A", "COMPLETE", clock(7), "2"),
        )
    )
    assert [i.duration_ms for i in items] == [300_000, 360_000]
    assert counts.left_out == 0


def test_the_prefix_changes_neither_the_others_nor_their_place(read: Read) -> None:
    whole = trace(
        event("A", "START", clock(1)),
        event("W", "START", clock(2)),
        event("A", "COMPLETE", clock(3)),
        event("W", "COMPLETE", clock(4)),
    )
    every, _ = read(whole)
    some, counts = read(whole, prefix="W")
    assert some == [item for item in every if item.activity == "W"]
    assert counts == ReadingCounts(1)


def test_a_trace_without_a_name_is_a_case_of_its_own(read: Read) -> None:
    one = (event("A", "START", clock(1)), event("A", "COMPLETE", clock(2)))
    items, _ = read(trace(*one, name=""), trace(*one, name=""))
    assert [item.case for item in items] == ["trace 1", "trace 2"]


@pytest.mark.parametrize(
    ("at", "fault"),
    [
        ("2012-01-01T10:00:00", "trace 1 event 1: a timestamp without offset"),
        ("yesterday", "trace 1 event 1: not a timestamp"),
        (None, "trace 1 event 1: not a timestamp"),
        ("0001-01-01T00:00:00+10:00", "beyond the calendar"),
    ],
)
def test_a_time_that_is_none_is_refused_with_its_place(read: Read, at: str | None, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        read(trace(event("A", "START", at)))


def test_what_is_not_xes_is_refused(read: Read, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its root is html"):
        read("<body/>", root="html")
    file = tmp_path / "text.xes"
    file.write_text("no markup")
    with pytest.raises(ValueError, match="is not XES"):
        list(read_xes(file, ReadingCounts()))
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"text\.xes is empty"):
        list(read_xes(file, ReadingCounts()))


def test_a_log_opens_no_other_file_and_blows_nothing_up(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    body = (event("&e;", "START", clock(1)), event("&e;", "COMPLETE", clock(2)))
    outside = f'<!DOCTYPE log [<!ENTITY e SYSTEM "file://{secret}">]>'
    with pytest.raises(ValueError, match="is not XES"):
        read(trace(*body), head=outside)
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 9))
    with pytest.raises(ValueError, match="is not XES"):
        read("<x>&a8;</x>", head=f'<!DOCTYPE log [<!ENTITY a0 "aaaaaaaaaa">{laughs}]>')


def test_gzip_is_read_and_a_cut_file_is_refused(tmp_path: Path) -> None:
    body = trace(*[event("A", t, clock(m)) for m in range(0, 58, 2) for t in ("START", "COMPLETE")]) * 50
    packed = gzip.compress(f"<log>{body}</log>".encode())
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.write_bytes(packed)
    cut.write_bytes(packed[: len(packed) // 2])
    assert len(list(read_xes(whole, ReadingCounts()))) == 29 * 50
    with pytest.raises(ValueError, match="is cut or damaged"):
        list(read_xes(cut, ReadingCounts()))


GROWTH = """
import resource, sys
from pathlib import Path
from services.baselines.work_items import ReadingCounts
from services.baselines.xes import read_xes
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in read_xes(Path(sys.argv[1]), ReadingCounts()))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    one = trace(*[event("A", t, clock(m)) for m in range(0, 58, 2) for t in ("START", "COMPLETE")])
    file = tmp_path / "log.xes.gz"
    file.write_bytes(gzip.compress(f"<log>{one * 1_000}</log>".encode(), 1))
    ended = subprocess.run([sys.executable, "-c", GROWTH, str(file)], capture_output=True, check=True, timeout=60)
    count, growth_kb = map(int, ended.stdout.split())
    assert count == 29_000
    assert growth_kb < 12_000  # the whole tree takes over 60 MB


# --- The two versions of the standard

STANDARD_2016 = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849.2016" xes.features="nested-attributes" xmlns="http://www.xes-standard.org/">
  <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
  <global scope="event"><string key="concept:name" value="UNKNOWN"/></global>
  <classifier name="Activity" keys="concept:name"/>
  <string key="concept:name" value="the log"/>
  {traces}
</log>"""
STANDARD_2023 = """<?xml version="1.1" encoding="UTF-8"?>
<log xes.version="1849-2023" xes.features="" xmlns="http://www.xes-standard.org/">
  <string key="concept:name" value="the log"/>
  <list key="meta"><values><string key="concept:name" value="A"/></values></list>
  <extension name="Micro" prefix="micro" uri="http://www.xes-standard.org/micro.xesext"/>
  <extension name="Artifact Lifecycle" prefix="artifactlifecycle" uri="http://www.xes-standard.org/artifactlifecycle.xesext"/>
  {traces}
  <date key="exported" value="2024-01-01T00:00:00Z"/>
</log>"""


def written(file: Path, head: str, *traces: str) -> tuple[list[WorkItem], ReadingCounts]:
    file.write_text(head.format(traces="".join(traces)), encoding="utf-8")
    counts = ReadingCounts()
    return list(read_xes(file, counts)), counts


@pytest.mark.parametrize("head", [STANDARD_2016, STANDARD_2023])
def test_both_versions_of_the_standard_give_the_same_work(head: str, tmp_path: Path) -> None:
    body = trace(event("A", "start", clock(0)), event("A", "complete", clock(2)))
    items, counts = written(tmp_path / "log.xes", head, body)
    assert [(item.case, item.activity, item.duration_ms) for item in items] == [("c1", "A", 120_000)]
    assert counts == ReadingCounts(1)


def test_steps_inside_other_work_do_not_count_twice(tmp_path: Path) -> None:
    def at_level(level: int, transition: str, minute: int) -> str:
        micro = f'<int key="micro:level" value="{level}"/><id key="micro:parentId" value="p"/>'
        return event("A", transition, clock(minute)).replace("</event>", f"{micro}</event>")

    body = trace(
        at_level(1, "start", 0),
        at_level(2, "start", 1),
        at_level(2, "complete", 3),
        at_level(1, "complete", 9),
    )
    items, counts = written(tmp_path / "log.xes", STANDARD_2023, body)
    assert [item.duration_ms for item in items] == [540_000]
    assert counts == ReadingCounts(1, inside_other_work=2)


def test_moves_of_artifacts_are_no_transitions_of_the_event(tmp_path: Path) -> None:
    moves = (
        '<list key="artifactlifecycle:moves"><values><string key="artifactlifecycle:move" value="m">'
        '<string key="lifecycle:transition" value="complete"/></string></values></list>'
    )
    silent = event("A", "assign", clock(1)).replace("</event>", f"{moves}</event>")
    body = trace(event("A", "start", clock(0)), silent, event("A", "complete", clock(5)))
    items, _ = written(tmp_path / "log.xes", STANDARD_2023, body)
    assert [item.duration_ms for item in items] == [300_000]


def test_events_of_no_case_are_counted(tmp_path: Path) -> None:
    stream = event("A", "start", clock(0)) + event("A", "complete", clock(1))
    items, counts = written(tmp_path / "log.xes", STANDARD_2023, stream, trace(*()), stream)
    assert items == []
    assert counts == ReadingCounts(outside_cases=4)


def test_how_far_a_log_is_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "log.xes"
    one = trace(*[event("A", t, clock(m)) for m in range(0, 58, 2) for t in ("START", "COMPLETE")])
    file.write_text(f"<log>{one * 100}</log>")
    heard: list[float] = []
    assert len(list(read_xes(file, ReadingCounts(), watch=heard.append))) == 2_900
    assert heard == sorted(heard)
    assert 0 < heard[0] < heard[-1] == 1.0
