"""Writes the dashboards, or says with exit code 1 which are not current: `python -m deploy.grafana.source --check`."""

import argparse
import sys
from pathlib import Path
from typing import Final

from deploy.grafana.source.all import generated

FOLDER: Final = Path(__file__).resolve().parents[1] / "dashboards"


def main() -> int:
    """The exit code."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true")
    check = arguments.parse_args().check
    made = generated()
    there = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.json")}
    stale = sorted(there ^ made.keys() | {name for name in there & made.keys() if _read(name) != made[name]})
    if check:
        for name in stale:
            print(f"deploy/grafana/dashboards/{name} is not current: make generate", file=sys.stderr)
        return int(bool(stale))
    for name in there - made.keys():
        (FOLDER / name).unlink()
    for name, text in made.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


sys.exit(main())
