"""`frigjort up`: the whole stack on this machine, until Ctrl-C."""

import json
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from services.cli.exit_codes import ExitCode
from services.cli.stack import Stack
from services.runtime.errors import FrigjortError

DataFolder = Annotated[Path, typer.Option("--data", help="Folder that keeps everything.", envvar="FRIGJORT_DATA")]
DEFAULT_FOLDER = Path(".frigjort")


def up(
    data: DataFolder = DEFAULT_FOLDER,
    kafka_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    clickhouse_port: Annotated[int, typer.Option(help="0: a free one.")] = 0,
    metrics_port: Annotated[int, typer.Option(help="Port of the first collector; 0: a free one.")] = 0,
    collectors: Annotated[int, typer.Option(min=1, max=8, help="How many collectors.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON when all is ready.")] = False,
) -> None:
    """Start broker, ClickHouse endpoint, migrations and collectors, and keep them running.

    Example: frigjort up --data ./frigjort-data --clickhouse-port 8123 --kafka-port 9092
    """
    console = Console(stderr=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stack = Stack(data, kafka_port, clickhouse_port, metrics_port, collectors, lambda step: console.print(f"… {step}"))
    try:
        ready = stack.start()
        if as_json:
            print(json.dumps(ready), flush=True)
        else:
            console.print("[bold green]ready[/]")
            console.print_json(json.dumps(ready))
        while not stop.wait(0.5):
            _check(stack)
        console.print("… draining: no new input is waited for, what is in the log is stored")
        if not stack.drain():
            console.print("[yellow]some records are not stored: the embedded broker forgets them[/]")
    except FrigjortError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(ExitCode.AWAY) from error
    finally:
        stack.stop()


def _check(stack: Stack) -> None:
    children = [*stack.collector_processes, *([stack.progress] if stack.progress else [])]
    children += [*stack.broker.children] if stack.broker else []
    children += [stack.endpoint.child] if stack.endpoint else []
    for child in children:
        if child.exit_code is not None:
            raise FrigjortError(f"{child.name} ended with exit code {child.exit_code}; its log is {child.log}")
