"""The demo as a user runs it, against totals that were computed a second time in plain Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.demo.case_systems import Sent, messages
from services.cli.demo.real_log import default_file
from tests.reference.log import totals

SEED = 5
EVENTS = 20_000


def _demo(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> dict[str, dict[str, object]]:
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "demo",
        "--json",
        "--data",
        str(folder),
        "--seed",
        str(SEED),
        *arguments,
    ]
    ended = subprocess.run(command, capture_output=True, timeout=280, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    results: dict[str, dict[str, object]] = json.loads(ended.stdout.splitlines()[-1])
    return results


@pytest.mark.timeout(300)
@pytest.mark.skipif(not default_file().exists(), reason="the real log is not beside the project")
def test_the_demo_shows_what_plain_python_computes(tmp_path: Path) -> None:
    results = _demo(tmp_path / "data", "--events", str(EVENTS))
    reference = totals(default_file())
    without, copy = results["real log, without AI"], results["real log, 0.8 copy as AI"]
    for result in (without, copy):
        assert result["sent"] == result["accepted"] == result["tasks"] == result["measured"] == reference["items"]
        assert (result["duplicates"], result["rejected"], result["unmeasured"]) == (0, {}, 0)
    assert (without["net_ms"], without["interval_95_hours"]) == (0, None)  # nothing was done with AI
    assert copy["net_ms"] == reference["net_copy"]
    assert without["capped"] == reference["capped"]
    assert without["drift_without_ai"] == round(reference["counted"] / reference["credit"], 4)
    # 20 % of the counted effort, up to half a millisecond a task.
    difference = reference["net_copy"] - reference["net_without_ai"]
    assert abs(difference - reference["counted"] * 0.2) <= reference["items"] / 2
    sent = Sent()
    for _ in messages(EVENTS, SEED, sent):
        pass
    synthetic = results["synthetic, 123 authorities"]
    assert synthetic["sent"] == synthetic["received"] == sent.records
    assert synthetic["duplicates"] == sent.duplicates
    assert synthetic["rejected"] == sent.codes
