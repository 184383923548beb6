"""Every query of docs/auditing.md runs as it is written, for the auditor, by curl."""

import re
import subprocess
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[3] / "docs" / "auditing.md"
QUERIES = re.findall(r"^```sql\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 4


@pytest.mark.parametrize("query", QUERIES)
def test_it_runs(auditor_url: tuple[str, str], query: str) -> None:
    url, credentials = auditor_url
    command = [
        "curl",
        "-sS",
        "--fail-with-body",
        "-u",
        credentials,
        f"{url}/?database=frigjort",
        "--data-binary",
        query,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
