"""`frigjort audit seal`: checkpoints of what is stored, made and kept elsewhere."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import sleep
from typing import Annotated, Any

import typer
from rich.console import Console

from contracts.events import moment_at
from services.audit.seals.clickhouse import SealStore
from services.audit.seals.copies import FileCopies
from services.audit.seals.kafka import KafkaCopies
from services.audit.seals.sealing import Copies, Sealer, Standing, two_chains
from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.chain import Checkpoint, Why
from services.runtime import clickhouse
from services.runtime.clock import now_ms
from services.runtime.errors import Retry

_WHY = {
    Why.END: "all that is stored is sealed",
    Why.YOUNG: "the next hour is not over by an hour",
    Why.GAP: "offset {offset} is not stored: `frigjort audit reconcile`",
    Why.TWO_CONTENTS: "two contents at offset {offset}: view `incidents`",
}


def seal(
    every: Annotated[
        float | None, typer.Option(min=1, help="Again after so many seconds, until Ctrl-C; else once.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Also add the checkpoints to this file of JSON lines, on another disk or machine."),
    ] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a run.")] = False,
) -> None:
    """Seal what is due: a checkpoint for each hour of records that has been over for an hour and is stored without a hole.

    Each is published to the topic frigjort.seals.v1, then stored in the table `seals`. The progress service does it all the
    time; more sealers do no harm, they make the same checkpoints. Exit code 7: two chains stand at one offset, so what is stored
    was changed (`frigjort audit verify` says where); 3: a neighbour is away.

    Example: frigjort audit seal --file /mnt/elsewhere/seals.jsonl
    """
    sealer = _sealer(data, file)
    while every is not None:
        try:
            _run(sealer, as_json=as_json)
        except Retry as error:
            typer.echo(f"{error}; tried again in {every:.0f} s", err=True)
        sleep(every)
    if two_chains(_run(sealer, as_json=as_json)):
        raise typer.Exit(ExitCode.ALTERED)


def _run(sealer: Sealer, *, as_json: bool) -> list[Standing]:
    standings = sealer.run()
    if as_json:
        typer.echo(json.dumps({"partitions": [_as_json(each, sealer.clock()) for each in standings]}))
    else:
        _print(Console(), standings)
    return standings


def _sealer(data: Path, file: Path | None) -> Sealer:
    kafka, database = settings(data)
    copies: list[Copies] = [KafkaCopies(kafka)]
    if file is not None:
        copies.append(FileCopies(file))
    return Sealer(SealStore(clickhouse.connect(database)), copies, now_ms)


def _as_json(standing: Standing, at_ms: int) -> dict[str, Any]:
    log_no, topic, partition = standing.place
    unsealed = standing.unsealed
    return {
        "log_no": log_no,
        "topic": topic,
        "partition": partition,
        "made": standing.made,
        "sealed": None if standing.sealed is None else _checkpoint_as_json(standing.sealed),
        "next_offset": None if unsealed is None else unsealed.offset,
        "unsealed_seconds": round(standing.age_seconds(at_ms), 3),
        "why": "two_chains" if unsealed is None else unsealed.why.value,
    }


def _checkpoint_as_json(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "log_no": checkpoint.log_no,
        "topic": checkpoint.topic,
        "partition": checkpoint.partition,
        "last_offset": checkpoint.last_offset,
        "chain": checkpoint.chain.hex(),
        "records": checkpoint.records,
        "closed_at": moment_at(checkpoint.closed_ms).isoformat(),
    }


def _print(console: Console, standings: Sequence[Standing]) -> None:
    for standing in standings:
        place = "/".join(map(str, standing.place))
        if standing.unsealed is None:
            console.print(f"[bold red]{place}[/]: two chains at one offset: `frigjort audit verify`", highlight=False)
            continue
        to = "nothing is sealed" if standing.sealed is None else f"sealed to offset {standing.sealed.last_offset}"
        why = _WHY[standing.unsealed.why].format(offset=standing.unsealed.offset)
        console.print(f"{place}: {to}, {standing.made} new; {why}", highlight=False, soft_wrap=True)
