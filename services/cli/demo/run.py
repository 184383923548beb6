"""`frigjort demo`: starts the stack, lets case systems send, shows the hours freed, ends by itself."""

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from services.baselines.registry import Registry
from services.cli.demo import case_systems, offices, screen
from services.cli.demo.data_sets import DataSet, Result, result
from services.cli.demo.real_log import WITH_AI, WITHOUT_AI, RealLog, default_file
from services.cli.exit_codes import ExitCode
from services.cli.producer import Sender
from services.cli.stack import Stack
from services.runtime import clickhouse

_SQL = "SELECT authority, tasks, hours_freed FROM hours_freed_by_authority ORDER BY hours_freed DESC LIMIT 5"


def demo(
    events: Annotated[int, typer.Option(min=1, help="Synthetic task events.")] = 200_000,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic case systems.")] = 1,
    keep: Annotated[bool, typer.Option(help="Leave the stack running until Ctrl-C.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder to keep; default: a temporary one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The last line is one JSON object.")] = False,
) -> None:
    """Run the whole job on this machine: events to Kafka, measured by a collector, hours freed from ClickHouse.

    Example: frigjort demo --events 50000 --seed 7 --json
    """
    console = Console(stderr=as_json)
    real = _real_log(console)
    with _folder(data) as folder:
        stack = Stack(
            folder, say=lambda step: console.print(f"… {step}"), prepare=lambda registry: _register(registry, real)
        )
        try:
            ready = stack.start()
            results, whole = _run(stack, _data_sets(real, events, seed), console)
            _summary(console, results, ready)
            if as_json:
                print(json.dumps({found.name: found.as_json() for found in results}), flush=True)
            if keep:
                _wait(console, ready)
        finally:
            stack.stop()
    if not whole:
        raise typer.Exit(ExitCode.NO)


def _real_log(console: Console) -> RealLog | None:
    file = default_file()
    if not file.exists():
        console.print("[yellow]The real log is not here: the demo uses its synthetic case systems alone.[/]")
        return None
    with console.status(f"reading {file.name}"):
        return RealLog.read(file)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="frigjort-demo-") as name:
        yield Path(name)


def _register(registry: Registry, real: RealLog | None) -> None:
    now = datetime.now(UTC)
    known = {entry["authority"] for entry in registry.store.authorities()}
    entries = [{"authority": a.cvr, "name": a.name, "sector": a.sector} for a in case_systems.authorities()]
    if real is not None:
        entries.append({"authority": WITHOUT_AI, "name": "Real log, without AI", "sector": "state"})
        entries.append({"authority": WITH_AI, "name": "Real log, 0.8 copy as AI", "sector": "state"})
    registry.add_authorities(entries, now)
    if known:  # the folder has been used before
        return
    offices.publish(registry, [*case_systems.baselines(), *(real.baselines() if real is not None else [])], now)


def _data_sets(real: RealLog | None, events: int, seed: int) -> list[tuple[DataSet, int]]:
    """The data sets with how many records each is about to send."""
    sets: list[tuple[DataSet, int]] = []
    if real is not None:
        for name, authority in (("real log, without AI", WITHOUT_AI), ("real log, 0.8 copy as AI", WITH_AI)):
            count = sum(1 for _ in real.messages(authority))
            sets.append((DataSet(name, [authority], real.messages(authority)), count))
    sent = case_systems.Sent()
    synthetic = DataSet(
        "synthetic, 123 authorities",
        [authority.cvr for authority in case_systems.authorities()],
        case_systems.messages(events, seed, sent),
        codes=sent.codes,
    )
    return [*sets, (synthetic, round(events * 1.048))]


def _run(stack: Stack, sets: list[tuple[DataSet, int]], console: Console) -> tuple[list[Result], bool]:
    """Sends all, shows it, waits until it is stored; the results, and whether every record is accounted for."""
    client = clickhouse.connect(stack.clickhouse_settings())
    total = sum(count for _, count in sets)
    failure: list[BaseException] = []
    sending = threading.Thread(target=_send_all, args=(stack, [data_set for data_set, _ in sets], failure), daemon=True)
    begun = monotonic()
    sending.start()
    results: list[Result] = []
    quiet = 0
    with Live(console=console, refresh_per_second=4, transient=True) as view:
        while quiet < 3:
            sleep(0.7)
            sent = sum(data_set.sent for data_set, _ in sets)
            lag = stack.lag()
            results = [result(client, data_set) for data_set, _ in sets if data_set.sent]
            stored = sum(found.received for found in results)
            view.update(screen.live("sending", sent, max(total, sent), stored / (monotonic() - begun), lag, results))
            if failure:
                raise failure[0]
            quiet = quiet + 1 if not sending.is_alive() and lag == 0 and stored >= sent else 0
            if not sending.is_alive() and monotonic() - max(data_set.ended for data_set, _ in sets) > 120:
                break
    for data_set, _ in sets:
        data_set.ended = max(data_set.ended, data_set.began + 1e-3)
    final = [result(client, data_set) for data_set, _ in sets]
    return final, all(found.received == found.sent for found in final)


def _send_all(stack: Stack, sets: list[DataSet], failure: list[BaseException]) -> None:
    try:
        for data_set in sets:
            data_set.began = monotonic()
            with Sender(stack.kafka_settings()) as sender:
                for topic, key, value, headers in data_set.messages:
                    sender.send(topic, key, value, headers)
                    data_set.sent += 1
            data_set.ended = monotonic()
    except BaseException as error:  # noqa: BLE001 - raised again in the main thread
        failure.append(error)


def _summary(console: Console, results: list[Result], ready: dict[str, Any]) -> None:
    console.print(screen.figures(results, "Hours freed"))
    console.print(screen.records(results))
    console.print(screen.rejected(results))
    auditor = ready["auditor"]
    command = f"curl -u '{auditor['user']}:{auditor['password']}' {ready['clickhouse']} --data-binary \"{_SQL}\""
    console.print(screen.explanation(results, _SQL, command))
    for found in results:
        if found.received != found.sent:
            console.print(f"[red]{found.name}: {found.sent} sent, {found.received} accounted for[/]")


def _wait(console: Console, ready: dict[str, Any]) -> None:
    console.print_json(json.dumps(ready))
    console.print("The stack keeps running. Ctrl-C ends it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("… stopping")
