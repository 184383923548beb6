"""The README's first steps: its files are valid, and the figure that it promises is the one that comes out."""

import json
from datetime import UTC, datetime
from pathlib import Path

from typer.testing import CliRunner

from services.baselines.estimates import proposal
from services.cli.estimates_file import read_estimates
from services.cli.main import app

RUN = CliRunner()
ROOT = Path(__file__).parents[3]
EVENTS = ROOT / "docs" / "first" / "events.jsonl"


def test_the_files_of_the_first_steps_give_the_readmes_figure(tmp_path: Path) -> None:
    checked = RUN.invoke(app, ["events", "validate", str(EVENTS), "--authority", "10000009"])
    assert checked.exit_code == 0, checked.output
    estimates = tmp_path / "estimates.json"
    log = str(ROOT / "docs" / "first" / "log.csv")
    estimated = RUN.invoke(
        app, ["baseline", "estimate", "--from", log, "--time-basis", "measured", "-o", str(estimates)]
    )
    assert estimated.exit_code == 0, estimated.output
    (estimate,) = json.loads(estimates.read_bytes())["estimates"]
    tasks = [json.loads(line)["data"] for line in EVENTS.read_text(encoding="utf-8").splitlines()]
    assert estimate["verdict"] == "supported"
    assert {task["task_type"] for task in tasks} == {estimate["task_type"]}
    effort = sum(task["active_ms"] + task["review_ms"] + task["rework_ms"] for task in tasks)
    hours = (len(tasks) * estimate["mean_ms"] - effort) / 3_600_000
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert f"{hours:.2f} hours freed" in readme
    assert f"baseline of {estimate['mean_ms'] / 60_000:.2f} minutes" in readme
    evidence, (read,) = read_estimates(estimates)
    scope = {"level": "authority", "authority": "10000009"}
    proposed = proposal(read, scope, evidence, "method-office", datetime(2026, 1, 1, tzinfo=UTC))
    assert f"baseline approve {proposed['baseline']}/1 --by" in readme
    assert f"baseline publish {proposed['baseline']}/1" in readme
