"""Rollups on a real stack: the progress service publishes by itself, survives a kill, and the commands show and check it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tenacity import retry, stop_after_delay, wait_fixed
from typer.testing import CliRunner

from services.cli.main import app
from services.runtime.errors import Misconfigured
from tests.integration.conftest import AUTHORITY, OTHER, PUBLISH_NOTHING, Running, on_embedded
from tests.integration.reconciling import metric, send

RUN = CliRunner()
FREED = "SELECT sum(tasks), sum(freed_ms), sum(gross_ms) FROM hours_freed_daily"
SHOWN = (
    "SELECT sum(n), sumIf(saved_ms, role = 'treated'), sumIf(gross_ms, role = 'treated' AND status = 'measured') "
    "FROM current_progress"
)


def audit(running: Running, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the answer."""
    result = RUN.invoke(app, ["audit", *arguments, "--json", "--data", str(running.stack.data)])
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.exit_code, json.loads(result.stdout)


@retry(stop=stop_after_delay(60), wait=wait_fixed(0.3), reraise=True)
def published(running: Running) -> None:
    """What is shown is what is stored, of units and of figures, and the service says so."""
    assert running.rows(SHOWN) == running.rows(FREED)
    assert metric(running, "rollup_lag_seconds") == 0
    net = 'freed_seconds{part="net",period="total",sector="all"}'
    assert metric(running, net) * 1000 == pytest.approx(running.rows(FREED)[0][1], abs=1)


@on_embedded
@pytest.mark.timeout(240)
def test_the_service_publishes_and_an_auditor_sees_what_was_shown(start_stack: Callable[..., Running]) -> None:
    running = start_stack(environment=dict.fromkeys(PUBLISH_NOTHING, "0.5"))
    begun = datetime.now(UTC) - timedelta(hours=1)
    send(running, 1_500)
    assert running.stack.drain()
    published(running)
    first = running.rows(SHOWN)[0]
    moment = running.value("SELECT toUnixTimestamp64Milli(max(published_at)) FROM publications")
    assert running.stack.progress is not None
    running.stack.progress.kill()
    send(running, 1_500, seed=2)
    assert running.stack.drain()
    assert running.rows(SHOWN)[0] == first
    running.stack.start_progress()
    published(running)
    assert running.rows(SHOWN)[0][0] > first[0]
    assert metric(running, "rollup_missed_units_total") == metric(running, "rollup_held_units") == 0

    _at_a_glance(running)
    _measured_by_what_was_set(running)
    _as_it_was_shown(running, first, moment, begun)
    _verified_and_tampered_with(running)


def _at_a_glance(running: Running) -> None:
    data = ["--data", str(running.stack.data)]
    stack = running.stack
    assert stack.progress is not None  # it was started again, elsewhere than the stack says
    processes = [f"--process={url}" for url in (*stack.metrics, stack.progress.announcement(30)["url"])]
    result = RUN.invoke(app, ["status", "--json", *processes, *data])
    answer = json.loads(result.stdout)
    net_ms = running.rows(SHOWN)[0][1]
    assert (result.exit_code, answer["well"]) == (0, True), answer["pipeline"]["problems"]
    assert answer["pipeline"]["keeping"]["whole"] is True
    assert answer["pipeline"]["collectors"]["accepted"] == running.value("SELECT countIf(accepted) FROM dispositions")
    steps = {step["name"]: step["ms"] for step in answer["number"]["so_far"]["steps"]}
    assert steps["net"] == net_ms
    number = json.loads(RUN.invoke(app, ["report", "progress", "--json", *data]).stdout)
    assert number["so_far"] == answer["number"]["so_far"]
    for command in (["status", *processes], ["report", "progress"]):
        shown = RUN.invoke(app, [*command, *data], env={"COLUMNS": "80"}).stdout
        assert f"{number['so_far']['freed']['ms'] / 3_600_000:,.1f}" in shown
        assert max(map(len, shown.splitlines())) <= 80
    away = RUN.invoke(app, ["status", "--process", "http://127.0.0.1:9", *data])
    assert away.exit_code == 1
    assert "does not answer" in away.stdout


def _measured_by_what_was_set(running: Running) -> None:
    """A target and a minimum grade that are set anew are in the figures that come then, and the old versions stay."""
    data = ["--data", str(running.stack.data)]
    said = ["--source", "a decision", "--by", "finance-office"]
    for name, value in (("hours_freed_2035", "1000"), ("minimum_grade", "A"), ("norm_office", "1850")):
        result = RUN.invoke(app, ["targets", "set", name, value, *said, "--json", *data])
        assert (result.exit_code, json.loads(result.stdout)["new"]) == (0, True), result.output
    _excluded(running)
    number = json.loads(RUN.invoke(app, ["report", "progress", "--json", *data]).stdout)
    assert number["target"]["freed_ms"] == 1_000 * 3_600_000
    assert number["target"]["versions"]["hours_freed_2035"] == 2
    assert number["target"]["norms"]["office"] == 1850
    assert number["share_of_target"] == number["so_far"]["freed"]["ms"] / 3_600_000_000
    listed = json.loads(RUN.invoke(app, ["targets", "list", "--history", "--json", *data]).stdout)["targets"]
    assert [(t["version"], t["shown"], t["set_by"]) for t in listed if t["name"] == "minimum_grade"] == [
        (1, "C", "migration"),
        (2, "A", "finance-office"),
    ]
    shown = RUN.invoke(app, ["targets", "list", *data], env={"COLUMNS": "80"}).stdout
    assert "hours_freed_2035" in shown
    assert max(map(len, shown.splitlines())) <= 80
    back = RUN.invoke(app, ["targets", "set", "minimum_grade", "C", *said, *data])
    assert back.stdout == "minimum_grade is set: C, version 3\n"
    with pytest.raises(Misconfigured, match="no grade"):
        RUN.invoke(app, ["targets", "set", "minimum_grade", "E", *said, *data], catch_exceptions=False)


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.3), reraise=True)
def _excluded(running: Running) -> None:
    assert (
        metric(running, 'tasks{sector="all",state="excluded"}')
        == metric(running, 'tasks{sector="all",state="treated"}')
        > 0
    )


def _as_it_was_shown(running: Running, first: tuple[Any, ...], moment: int, begun: datetime) -> None:
    with pytest.raises(Misconfigured, match="can still change"):
        audit(running, "published", datetime.now(UTC).isoformat())
    wait_until_old(moment)
    at = datetime.fromtimestamp(moment / 1000, UTC).isoformat()
    code, answer = audit(running, "published", at, "--by", "authority")
    assert (code, answer["as_published_at"]) == (0, at)
    assert [answer["total"][name] for name in ("tasks", "net_ms", "gross_ms")] == list(first)
    assert {group["authority"] for group in answer["groups"]} == {AUTHORITY, OTHER}
    alone = audit(running, "published", at, "--cvr", AUTHORITY)[1]
    assert alone["total"]["tasks"] == next(g["tasks"] for g in answer["groups"] if g["authority"] == AUTHORITY)
    assert audit(running, "published", begun.isoformat())[1]["total"]["tasks"] == 0
    shown = RUN.invoke(app, ["audit", "published", at, "--by", "authority", "--data", str(running.stack.data)])
    assert f"{first[0]:,}" in shown.stdout
    with pytest.raises(Misconfigured, match="CVR"):
        audit(running, "published", at, "--cvr", "12345678")


@retry(stop=stop_after_delay(30), wait=wait_fixed(0.5), reraise=True)
def wait_until_old(moment: int) -> None:
    assert datetime.now(UTC).timestamp() * 1000 > moment + 11_000


def _verified_and_tampered_with(running: Running) -> None:
    code, answer = audit(running, "verify")
    assert (code, answer["rollups"]["findings"], answer["rollups"]["behind"]) == (0, [], 0)
    assert answer["rollups"]["heads"] > answer["rollups"]["units"] > 0
    running.client().command(
        f"ALTER TABLE progress_daily UPDATE saved_ms = saved_ms + 3600000 WHERE authority = '{AUTHORITY}' AND role = 'treated' "
        f"AND (authority, day, run) IN (SELECT authority, day, run FROM current_heads ORDER BY authority, day LIMIT 1)",
        settings={"mutations_sync": 1},
    )
    code, answer = audit(running, "verify")
    assert (code, answer["verified"]) == (7, False)
    assert {found["kind"] for found in answer["rollups"]["findings"]} == {"altered"}
    assert "saved_ms is" in answer["rollups"]["findings"][0]["what"]
    assert audit(running, "verify", "--cvr", OTHER)[0] == 0
    text = RUN.invoke(app, ["audit", "verify", "--data", str(running.stack.data)]).stdout
    assert "not what was published" in text
