"""The auditor's commands on a real stack, as the auditor: what they say is what the reference model says."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from contracts.topics import tasks_topic
from services.cli.exit_codes import ExitCode
from services.cli.main import app
from services.cli.producer import Sender
from services.runtime.errors import Misconfigured
from tests.integration.against import logs_in_clickhouse, records_in_kafka, registry_in_clickhouse
from tests.integration.conftest import AUTHORITY, OTHER, Running, on_embedded
from tests.reference import workload
from tests.reference.model import Fold, fold
from tests.reference.records import Records

RUN = CliRunner()


@pytest.fixture
def no_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent a second ago may be asked for: the clocks are one here."""
    monkeypatch.setenv("FRIGJORT_AUDIT_CLOCK_TOLERANCE_SECONDS", "0")


def asked(running: Running, *arguments: str, code: int = ExitCode.OK) -> dict[str, Any]:
    """The answer of `frigjort audit …`."""
    result = RUN.invoke(app, ["audit", *arguments, "--json", "--data", str(running.stack.data)])
    if isinstance(result.exception, Exception):
        raise result.exception
    assert result.exit_code == code, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def shown(running: Running, *arguments: str, code: int = ExitCode.OK) -> str:
    """The same for people."""
    result = RUN.invoke(app, ["audit", *arguments, "--data", str(running.stack.data)])
    assert result.exit_code == code, result.output
    return result.stdout


def send(running: Running, count: int, seed: int) -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for message in workload.messages(count, seed, [AUTHORITY, OTHER]):
            sender.send(*message)
    assert running.stack.drain()


def model(running: Running) -> Fold:
    client = running.client()
    records = Records(records_in_kafka(running.ready["kafka"], logs_in_clickhouse(client)))
    return fold(records, registry_in_clickhouse(client))


@on_embedded
@pytest.mark.usefixtures("no_tolerance")
@pytest.mark.timeout(300)
def test_the_commands_say_what_the_model_says(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    send(running, 2_000, 71)
    between = datetime.now(UTC)
    first = model(running).by()[()]
    send(running, 1_000, 72)
    found, now = model(running), datetime.now(UTC)
    total = found.by()[()]

    answer = asked(running, "recompute")
    assert (answer["wrong"], answer["findings"], answer["totals"], answer["stale"]) == (0, [], [], {})
    assert (answer["tasks"], answer["saved_ms"]) == (total.tasks, total.saved_ms)
    assert "as it comes out" in shown(running, "recompute", "--cvr", AUTHORITY)

    answer = asked(running, "as-of", now.isoformat())
    assert list(answer["total"].values()) == list(total)
    split = asked(running, "as-of", now.isoformat(), "--by", "day", "--cvr", OTHER)["totals"]
    own = {str(day): totals for (cvr, day), totals in found.by("authority", "day").items() if cvr == OTHER}
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert {
        str((datetime.fromisoformat(one["day"] + "T00:00:00Z") - epoch).days): one["freed_ms"] for one in split
    } == {day: totals.freed_ms for day, totals in own.items()}
    assert asked(running, "as-of", "2020-01-01")["total"]["tasks"] == 0
    assert f"{total.tasks:,}" in shown(running, "as-of", now.isoformat(), "--by", "authority")

    answer = asked(running, "diff", between.isoformat(), now.isoformat())
    assert answer["first"]["total"]["freed_ms"] == first.freed_ms
    assert (
        sum(one["saved_ms"] for one in answer["causes"]) == answer["difference_ms"] == total.freed_ms - first.freed_ms
    )
    assert "the causes add up" in shown(running, "diff", between.isoformat(), now.isoformat())


@on_embedded
def test_instants_that_cannot_be_asked_for(start_stack: Callable[..., Running]) -> None:
    running, now = start_stack(), datetime.now(UTC)
    for at, says in (
        ((now - timedelta(seconds=30)).isoformat(), "within the clock tolerance"),
        ((now + timedelta(days=1)).isoformat(), "within the clock tolerance"),
        ("1999-12-31", "before the year 2000"),
        ("yesterday", "not a moment"),
        ("0001-01-01T00:00:00+05:00", "not a moment"),
    ):
        with pytest.raises(Misconfigured, match=says):
            asked(running, "as-of", at)
    with pytest.raises(Misconfigured, match="the earlier instant comes first"):
        asked(running, "diff", "2026-02-01", "2026-01-01")
    with pytest.raises(Misconfigured, match="not a CVR number"):
        asked(running, "recompute", "--cvr", "12345678")
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "audit",
        "as-of",
        now.isoformat(),
        "--data",
        str(running.stack.data),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == ExitCode.USAGE
    assert "within the clock tolerance" in done.stderr


@on_embedded
@pytest.mark.timeout(300)
def test_explanations(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    send(running, 2_000, 73)
    running.client().insert(
        "seals",
        [[1, tasks_topic(AUTHORITY), 0, offset, bytes([offset % 256]) * 32, offset + 1] for offset in (9, 100_000)],
        column_names=["log_no", "topic", "partition", "last_offset", "chain", "records"],
    )
    found = model(running)
    of_authority = [state for state in found.states() if state.authority == AUTHORITY]
    by_status = {state.figures.status: state for state in of_authority}
    assert set(by_status) == {"measured", "unmeasured", "incomplete"}
    (retracted,) = running.rows(
        "SELECT task FROM measurement_rows WHERE kind = 2 AND authority = {a:String} LIMIT 1", a=AUTHORITY
    )
    total = found.by("authority")[AUTHORITY,].freed_ms
    for state in by_status.values():
        answer = asked(running, "explain", state.task, "--cvr", AUTHORITY)
        assert answer["as_stored"]
        assert answer["in_force"] == "/".join(map(str, state.coordinate))
        figures = state.figures
        assert [step["ms"] for step in answer["steps"]] == [
            figures.counted_active_ms, figures.effort_ms, figures.credit_ms, figures.saved_ms,
        ]  # fmt: skip
        assert (answer["baseline"] is None) == (figures.baseline is None)
        assert answer["seal"]["last_offset"] == (9 if state.coordinate.offset <= 9 else 100_000)
        assert answer["share"]["authority_ms"] == total
        text = shown(running, "explain", state.task, "--cvr", AUTHORITY)
        assert "Arithmetic" in text
        assert answer["why_in_force"] in text
    answer = asked(running, "explain", retracted[0], "--cvr", AUTHORITY)
    assert (answer["as_stored"], answer["figures"], answer["stored"]["retracted"]) == (True, [], True)
    assert "counts for nothing" in shown(running, "explain", retracted[0], "--cvr", AUTHORITY)
    assert (
        RUN.invoke(
            app, ["audit", "explain", "t-nobody", "--cvr", AUTHORITY, "--data", str(running.stack.data)]
        ).exit_code
        == 1
    )
    for wrong in (["explain"], ["explain", "t", "--total"], ["explain", "t"], ["explain", "--total", "--day", "x"]):
        with pytest.raises(Misconfigured):
            asked(running, *wrong)


def the_examples_stand_as_the_line_says(line: dict[str, Any], found: Fold) -> None:
    for authority, task in line["examples"]:
        state = found.state(authority, task)
        assert state is not None
        measured, role = state.figures.status == "measured", state.traits.role
        assert line["standing"] == (role if measured and role != "treated" else state.figures.status)
        assert line["mean_ms"] == (state.figures.credit_ms if measured else None)


@on_embedded
@pytest.mark.timeout(300)
def test_a_total_is_explained_down_to_its_baselines(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    send(running, 2_000, 74)
    found = model(running)
    answer = asked(running, "explain", "--total")
    total = found.by()[()]
    assert answer["adds_up"]
    assert (answer["shown_tasks"], answer["shown_saved_ms"]) == (total.tasks, total.freed_ms)
    assert (answer["total"]["tasks"], answer["total"]["saved_ms"]) == (total.treated, total.freed_ms)
    assert {line["standing"] for line in answer["lines"]} == {
        *("measured", "control", "comparison", "unmeasured", "incomplete"),
    }
    assert {line["why"] for line in answer["lines"]} >= {"credited", "abandoned", "induced", "no baseline"}
    for line in answer["lines"]:
        the_examples_stand_as_the_line_says(line, found)
    state = next(iter(found.states()))
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=state.day)).date().isoformat()
    one = found.by("authority", "day", "task_type")[state.authority, state.day, state.task_type]
    selected = ["--cvr", state.authority, "--task-type", state.task_type, "--day", day]
    answer = asked(running, "explain", "--total", *selected)
    assert (answer["adds_up"], answer["shown_tasks"], answer["shown_saved_ms"]) == (True, one.tasks, one.freed_ms)
    assert "adds up" in shown(running, "explain", "--total", *selected)
    writer = running.client()
    writer.command(
        "ALTER TABLE measurements UPDATE saved_ms = saved_ms + 1 WHERE saved_ms IS NOT NULL SETTINGS mutations_sync = 2"
    )
    assert not asked(running, "explain", "--total", code=ExitCode.ALTERED)["adds_up"]
    measured = next(one for one in found.states() if one.figures.status == "measured")
    changed = asked(running, "explain", measured.task, "--cvr", measured.authority, code=ExitCode.ALTERED)
    assert not changed["as_stored"]
    answer = asked(running, "recompute", "--limit", "3", code=ExitCode.ALTERED)
    assert answer["wrong"] == total.measured
    assert len(answer["findings"]) == 3
    assert "stored otherwise than it comes out" in shown(running, "recompute", code=ExitCode.ALTERED)
