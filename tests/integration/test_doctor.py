"""`frigjort doctor` on a real stack: all is well, then one thing after another is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts import topics
from services.baselines.kafka import RegistryKafka
from services.cli.main import app
from tests.integration.conftest import OTHER, Running

RUN = CliRunner()


def examined(running: Running) -> tuple[int, dict[str, tuple[str, str]]]:
    """The exit code, and of each check that is not ok its state and cause."""
    result = RUN.invoke(app, ["doctor", "--json", "--data", str(running.stack.data)])
    answer = json.loads(result.stdout)
    wrong = {c["check"]: (c["state"], c["cause"]) for c in answer["checks"] if c["state"] != "ok"}
    assert answer["ok"] == (not wrong)
    assert all(c["remedy"] for c in answer["checks"] if c["state"] == "problem")
    return result.exit_code, wrong


def registry(running: Running, *arguments: str) -> Result:
    return RUN.invoke(app, ["registry", *arguments, "--data", str(running.stack.data)])


def a_writer_that_died(running: Running) -> None:
    """It is reported, and a person ends its claim."""
    old = datetime.now(UTC) - timedelta(minutes=5)
    names = ["holder", "event", "recorded_at"]
    running.client().insert("registry_claims", [["host/1/dead", "claimed", old]], column_names=names)
    code, wrong = examined(running)
    assert (code, wrong) == (1, {"registry writers": ("problem", "host/1/dead claims to write for over a minute")})
    assert "host/1/dead since" in registry(running, "claims").stdout
    assert registry(running, "unlock", "host/1/other").exit_code == 1
    assert registry(running, "unlock", "host/1/dead").exit_code == 0
    assert "nobody writes" in registry(running, "claims").stdout
    assert examined(running) == (0, {})


@pytest.mark.timeout(300)
def test_a_running_installation(start_stack: Callable[..., Running]) -> None:
    running = start_stack()
    client = running.client()
    assert examined(running) == (0, {})

    a_writer_that_died(running)

    kafka = RegistryKafka(running.stack.kafka_settings())
    stray = topics.tasks_topic("10000033")
    kafka.ensure_topics({stray: {"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"}})
    client.command("ALTER TABLE records MODIFY SETTING fsync_after_insert = 0")
    client.insert("logs", [[topics.tasks_topic(OTHER), 1, "another"]], column_names=["topic", "log_no", "topic_id"])
    code, wrong = examined(running)
    assert code == 1
    assert {name: state for name, (state, _) in wrong.items()} == dict.fromkeys(
        ("cleanup policies", "timestamp types", "durable tables", "log bindings"), "problem"
    )
    assert stray in wrong["cleanup policies"][1]
    assert topics.tasks_topic(OTHER) in wrong["log bindings"][1]

    last = max(file.name for file in Path("deploy/clickhouse/migrations").glob("*.sql"))
    client.command("ALTER TABLE schema_migrations DELETE WHERE name = {n:String}", parameters={"n": last},
                   settings={"mutations_sync": 1})  # fmt: skip
    running.stack.collector_processes[0].stop(30.0)
    code, wrong = examined(running)
    assert wrong["migrations"] == ("problem", f"{last} is pending")
    assert wrong["registry"] == ("not checked", "needs: migrations")
    (ready,) = [found for name, found in wrong.items() if name == f"ready: {running.stack.metrics[0]}"]
    assert "no answer" in ready[1]

    if running.stack.broker is not None:
        running.stack.broker.stop()
    text = RUN.invoke(app, ["doctor", "--data", str(running.stack.data)])
    assert text.exit_code == 1
    assert "problem  Kafka answers: Kafka is away" in text.stdout
    assert "Remedy: start Kafka" in text.stdout


def test_no_installation(tmp_path: Path) -> None:
    result = RUN.invoke(app, ["doctor", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "problem  settings" in result.stdout
    assert "frigjort up" in result.stdout
