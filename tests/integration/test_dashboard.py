"""Every panel's SQL runs as the auditor."""

import json
import re
import subprocess
from pathlib import Path

DASHBOARD = json.loads((Path(__file__).parents[2] / "deploy/grafana/dashboards/overview.json").read_text())


def test_every_panel_runs_as_the_auditor(auditor_url: tuple[str, str]) -> None:
    url, credentials = auditor_url
    statements = [t["rawSql"] for panel in DASHBOARD["panels"] for t in panel["targets"] if "rawSql" in t]
    assert len(statements) >= 4
    for statement in statements:
        expanded = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 >= '2020-01-01' AND \1 <= '2030-01-01'", statement)
        assert "$__" not in expanded
        answer = subprocess.run(
            ["curl", "-sS", "--fail-with-body", "-u", credentials, url, "--data-binary", expanded],
            capture_output=True,
            check=False,
        )
        assert answer.returncode == 0, (statement, answer.stdout.decode())
