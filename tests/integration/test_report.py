"""Reports from ClickHouse alone, of events that went through Kafka and a collector: results that are known."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from contracts import topics
from contracts.events import COMPLETED, REALISED, schema_name
from contracts.reading import STRUCTURED_HEADERS
from services.baselines.estimates import rfc3339
from services.cli.demo import offices
from services.cli.main import app
from services.cli.producer import Sender
from services.runtime.errors import Misconfigured
from tests.integration.conftest import AUTHORITY, Running, on_embedded
from tests.integration.test_outside import state
from tests.reference import metr

RUN = CliRunner()
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = 3_600_000
LOT = {"assignment": "random", "assigned_at": rfc3339(START - timedelta(hours=1))}


def send(running: Running, contents: Iterable[dict[str, Any]], kind: str = COMPLETED, subject: str = "task") -> None:
    with Sender(running.stack.kafka_settings()) as sender:
        for content in contents:
            event = {
                "specversion": "1.0",
                "id": f"{content[subject]}-1",
                "source": "/casesystem/eksempel",
                "type": kind,
                "subject": content[subject],
                "partitionkey": content[subject],
                "time": rfc3339(START),
                "dataschema": schema_name(kind),
                "datacontenttype": "application/json",
                "data": content,
            }
            key = content[subject].encode()
            sender.send(topics.tasks_topic(AUTHORITY), key, msgspec.json.encode(event), STRUCTURED_HEADERS)
    assert running.stack.drain()
    assert running.rows("SELECT code, path FROM rejections") == []


def report(running: Running, *arguments: str) -> Any:
    done = RUN.invoke(app, ["report", *arguments, "--json", "--data", str(running.stack.data)])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def screen(running: Running, *arguments: str) -> str:
    done = RUN.invoke(app, ["report", *arguments, "--data", str(running.stack.data)])
    assert done.exit_code == 0, done.output
    return " ".join(done.stdout.split())


def task(name: str, minutes: float, **fields: Any) -> dict[str, Any]:
    end = START + timedelta(milliseconds=minutes * 60_000 + 1_000)
    when = {"started_at": rfc3339(START), "completed_at": rfc3339(end)}
    return state(name, 1, **when, active_ms=round(minutes * 60_000), review_ms=0, **fields)


def trial_events() -> Iterable[dict[str, Any]]:
    """The trial's tasks, as the case system that ran it would have sent them."""
    for row in metr.rows():
        end = START + timedelta(milliseconds=row.active_ms + (row.rework_ms or 0))
        yield state(
            f"metr-{row.task}",
            1,
            task_type="local:issue",
            complexity="unspecified",
            started_at=rfc3339(START),
            completed_at=rfc3339(end),
            active_ms=row.active_ms,
            review_ms=0,
            rework_ms=row.rework_ms,
            assistance="suggestion" if row.treated else "none",
            arm="treatment" if row.treated else "control",
            study="metr-2025",
            cluster=f"worker-{row.worker}",
            cluster_kind="worker",
            predicted_without_ai_ms=row.predicted_without_ms,
            predicted_with_ai_ms=row.predicted_with_ms,
            predicted_at=rfc3339(START - timedelta(hours=2)),
            **LOT,
        )


@on_embedded
@pytest.mark.skipif(not metr.PATH.exists(), reason="the trial's data are not beside the project")
def test_the_published_trial_comes_out_of_clickhouse(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    send(running, trial_events())
    found = report(running, "effect", "--study", "metr-2025")["trials"]["metr-2025"]
    factor = found["factor"]
    assert round(factor["factor"], 3) == 1.188
    ends = {name: [round(end, 3) for end in factor[name].values()] for name in ("homoskedastic", "hc3", "clustered")}
    assert ends == {"homoskedastic": [1.013, 1.395], "hc3": [1.013, 1.394], "clustered": [1.016, 1.390]}
    assert [(one["part"], one["arm"], one["tasks"]) for one in found["imputed"]] == [
        ("rework", "control", 7),
        ("rework", "treatment", 9),
    ]
    hours = {
        name: [round(found[name][part] / HOUR, 1) for part in ("freed_ms", "low_ms", "high_ms")]
        for name in ("unadjusted", "scaled")
    }
    assert hours == {"unadjusted": [-76.8, -134.2, -19.4], "scaled": [-55.6, -114.5, 3.3]}
    assert [round(found[name] / HOUR, 1) for name in ("expected_ms", "against_prediction_ms")] == [65.6, -41.8]
    assert found["grade"]["grade"] == "A"
    said = screen(running, "effect")
    assert (
        "a task takes 1.188 times as long with AI; homoskedastic 1.013 to 1.395, HC3 1.013 to 1.394, clustered 1.016 to 1.390"
        in said
    )
    assert "trial metr-2025 -76.8 -134.2 … -19.4 A" in said
    assert "9 treatment tasks lack rework time and got the arm's mean, 14.9 minutes." in said


def chosen_for_the_quicker() -> Iterable[dict[str, Any]]:
    """AI changes nothing. Where a lot was drawn, one task in five is held out; of the others, and of those without a lot,
    people do the quicker half with AI."""
    chance = np.random.default_rng(2026)
    for number in range(3_000):
        minutes = float(chance.lognormal(2.6, 0.6))
        drawn = number % 2 == 0
        held_out = drawn and chance.random() < 0.2
        with_ai = not held_out and minutes < np.exp(2.6)
        lot: dict[str, Any] = {"assignment": "chosen"}
        if drawn:
            lot = {**LOT, "arm": "control" if held_out else "treatment"}
        yield task(
            f"s-{number}",
            minutes,
            task_type="local:drawn" if drawn else "local:chosen",
            assistance="draft" if with_ai else "none",
            cluster=f"team-{chance.integers(60)}",
            cluster_kind="team",
            **({"programme": "lot"} if drawn else {}),
            **lot,
        )


def baseline(task_type: str) -> dict[str, Any]:
    """A baseline that is right: the mean of the lognormal."""
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    window = {"window_from": rfc3339(begin - timedelta(days=365)), "window_to": rfc3339(begin)}
    return {
        "baseline": f"nation/{task_type}",
        "level": "nation",
        "task_type": f"local:{task_type}",
        "complexity": "any",
        "valid_from": rfc3339(begin),
        "valid_to": rfc3339(end),
        "expires_at": rfc3339(end),
        "n": 4_000,
        "clusters": 400,
        "mean_ms": round(float(np.exp(2.6 + 0.6**2 / 2)) * 60_000),
        "standard_error_ms": 9_000,
        "median_ms": 800_000,
        "p90_ms": 1_700_000,
        "method": "history",
        "evidence": {"source": "history-2025", "sha256": "0" * 64, **window},
        "proposed_by": offices.METHOD_OFFICE,
    }


@on_embedded
def test_ai_that_is_chosen_for_the_quicker_tasks_frees_nothing(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    offices.publish(running.stack.registry(), [baseline("drawn"), baseline("chosen")], datetime.now(UTC))
    send(running, chosen_for_the_quicker())
    found = report(running, "effect")
    credit = sum(cell["treated"]["credit_ms"] for cell in found["cells"] if cell["verdict"] == "sufficient")

    spurious = found["comparison"]["post_stratified"]["freed"]
    assert spurious["low_ms"] > 0.3 * spurious["cost_ms"]
    assert (found["comparison"]["label"], found["comparison"]["grade"]["grade"]) == ("not causal", "C")
    whys = {reason["component"]: reason["why"] for reason in found["comparison"]["grade"]["reasons"]}
    assert "if they chose the quicker ones, that is no effect of AI" in whys["assignment"]

    adjusted = found["adjusted"]
    assert adjusted["low_ms"] < 0 < adjusted["high_ms"]
    assert abs(adjusted["saving_ms"]) < 0.1 * credit
    assert found["adjusted_grade"]["grade"] == "A"
    apart = found["without_control"]
    assert apart["low_ms"] > 0
    assert found["without_control_grade"]["grade"] == "C"
    assert [cell["task_type"] for cell in found["cells"] if cell["verdict"] == "sufficient"] == ["local:drawn"]

    steps = report(running, "waterfall")["steps"]
    amounts = {step["name"]: step["ms"] for step in steps}
    assert amounts["net"] + amounts["without_control"] + amounts["drift"] == amounts["adjusted"]
    assert amounts["adjusted"] == round(adjusted["saving_ms"])
    assert amounts["without_control"] == -apart["net_ms"]
    assert amounts["net"] == running.value("SELECT sum(saved_ms) FROM treated_measurements")
    assert "not causal" in screen(running, "effect")
    groups = (("--programme", "lot"), ("--sector", "region"), ("--sector", "municipality"), ("--cvr", AUTHORITY))
    tasks = [report(running, "waterfall", *group)["counts"]["tasks"] for group in groups]
    assert tasks == [1_500, 0, 3_000, 3_000]


def confirmation(name: str, hours: float, **fields: Any) -> dict[str, Any]:
    return {
        "authority": AUTHORITY,
        "realisation": name,
        "revision": 1,
        "period_from": "2026-03-01T00:00:00Z",
        "period_to": "2026-04-01T00:00:00Z",
        "realised_ms": round(hours * HOUR),
        "use": "core_task",
        "confirmed_by": "benefit-owner",
        **fields,
    }


def benefits(running: Running, code: int) -> Any:
    done = RUN.invoke(app, ["audit", "benefits", "--json", "--data", str(running.stack.data)])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


@on_embedded
def test_what_is_confirmed_is_an_of_which_and_more_than_was_freed_is_an_error(
    start_stack: Callable[..., Running],
) -> None:
    running = start_stack()
    send(running, (task(f"b-{n}", 8, task_type="kle:27.35.04") for n in range(120)))  # 18 - 8 minutes each: 20 hours
    send(running, [confirmation("r-1", 12), confirmation("r-2", 3, use="quality")], REALISED, "realisation")
    assert benefits(running, 0)["faults"] == []
    assert report(running, "waterfall")["realised"] == [
        {"use": "core_task", "realised_ms": 12 * HOUR, "confirmations": 1, "faulty": 0},
        {"use": "quality", "realised_ms": 3 * HOUR, "confirmations": 1, "faulty": 0},
    ]
    assert "Of which confirmed as used for core_task: 12.0 hours in 1 confirmations." in screen(running, "waterfall")
    assert report(running, "waterfall", "--task-type", "kle:27.35.04")["realised"] is None

    send(running, [confirmation("r-3", 6, use="saved")], REALISED, "realisation")  # 21 of 20
    found = benefits(running, 1)
    assert {(row["fault"], row["net_ms"]) for row in found["faults"]} == {("more_than_freed", 20 * HOUR)}
    assert [(use["realised_ms"], use["faulty"]) for use in report(running, "waterfall")["realised"]] == [(0, 1)] * 3
    told = RUN.invoke(app, ["audit", "benefits", "--data", str(running.stack.data)])
    assert "21.00 hours are confirmed within its period, and 20.00 were freed" in " ".join(told.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--cvr", "12345678"), "12345678 is not a CVR number"),
        (("--cvr", AUTHORITY, "--sector", "region"), "give authorities or a sector, not both"),
        (("--from", "2026-02-01", "--before", "2026-02-01"), "the period ends before it begins"),
    ],
)
def test_a_group_that_cannot_be_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = RUN.invoke(app, ["report", "effect", *arguments])
    assert isinstance(done.exception, Misconfigured)
    assert words in str(done.exception)
