"""The command."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live

from services.cli.connection import auditor, web_addresses
from services.cli.exit_codes import ExitCode
from services.cli.report import answers
from services.cli.status.pipeline import NOBODY, Pipeline, pipeline
from services.cli.status.screen import glance
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.reports.clickhouse import ReportStore
from services.reports.progress import progress


def status(
    process: Annotated[
        list[str] | None,
        typer.Option(help="Base URL of a process whose metrics to ask, may be repeated; default: those of `up`."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show it anew until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two glances.", min=0.5)] = 2.0,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, with --watch one a line.")] = False,
) -> None:
    """Show the pipeline and the number at a glance.

    Asks the processes for their metrics and ClickHouse, as an auditor, for the figures that are shown. Exit code 0: every process
    is ready and nothing is missing; 1: something is not.

    Examples: frigjort status --watch

    frigjort status --process http://127.0.0.1:9464 --process http://127.0.0.1:9465 --json
    """
    addresses = [address.rstrip("/") for address in (process if process is not None else web_addresses(data))]
    glances = Glances(addresses, ReportStore(auditor(data)))
    with suppress(KeyboardInterrupt):
        if not watch:
            _once(glances, as_json)
        elif as_json:
            while True:
                _once(glances, as_json)
                sleep(interval)
        else:
            with Live(glances.shown(), auto_refresh=False, screen=True) as live:
                while True:
                    sleep(interval)
                    live.update(glances.shown(), refresh=True)
    if not glances.pipeline.well:
        raise typer.Exit(ExitCode.NO)


def _once(glances: "Glances", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(glances.as_json()))
    else:
        Console().print(glances.shown())


class Glances:
    """One glance after another. `pipeline` is that of the last."""

    def __init__(self, addresses: Sequence[str], store: ReportStore) -> None:
        self._addresses = addresses
        self._store = store
        self._at = 0.0
        self.pipeline = Pipeline({}, NOBODY, None)

    def shown(self) -> Group:
        """The next glance for a terminal."""
        per_second = self._look()
        now = datetime.now(UTC)
        return glance(progress(self._store, now), self.pipeline, now, per_second)

    def as_json(self) -> dict[str, Any]:
        """The next glance for a machine."""
        per_second = self._look()
        now = datetime.now(UTC)
        return {
            "at": now.isoformat(),
            "well": self.pipeline.well,
            "received_per_second": per_second,
            "pipeline": asdict(self.pipeline),
            "number": answers.progress(progress(self._store, now)),
        }

    def _look(self) -> float | None:
        """Records received a second since the last glance; `None` at the first, and where a collector began anew."""
        before, then = self.pipeline.collectors.received, self._at
        self.pipeline, self._at = pipeline(self._addresses), monotonic()
        received = self.pipeline.collectors.received - before
        return received / (self._at - then) if then and received >= 0 else None
