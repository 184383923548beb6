"""Prometheus's own tool on the rules, their cases and the configuration: each alert fires when it must, and only then."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "deploy/prometheus"
REQUIRED = "FRIGJORT_TEST_REQUIRE_PROMTOOL"


def promtool(*arguments: str) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        if os.environ.get(REQUIRED):
            pytest.fail(f"promtool is not on the PATH ({REQUIRED} is set): it comes with Debian's package prometheus")
        pytest.skip("promtool is not on the PATH: it comes with Debian's package prometheus")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False, cwd=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_when_they_must_and_only_then() -> None:
    promtool("check", "rules", "rules.yml")
    promtool("test", "rules", "rules_test.yml")


def test_every_alert_has_cases_where_it_fires_and_where_it_does_not() -> None:
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text())
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for test in yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {name for name, fires in cases if fires} == alerts
    assert {name for name, fires in cases if not fires} == alerts


def test_every_alert_has_its_place_in_the_runbook() -> None:
    rules = yaml.safe_load((FOLDER / "rules.yml").read_text())
    runbook = (FOLDER.parents[1] / "docs/operating.md").read_text()
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["alert"] in runbook, rule["alert"]
