"""`frigjort audit erase`: payload and salt of records go, by law; what was sealed stays."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from contracts import topics
from services.audit.erasures.clickhouse import ErasureStore
from services.audit.erasures.erasing import Request, Standing, erase_again, standings
from services.cli.connection import settings
from services.cli.exit_codes import ExitCode
from services.cli.rejected.selection import coordinate_of
from services.cli.tokens import cvr_number, token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.coordinate import Coordinate
from services.runtime import clickhouse
from services.runtime.errors import Misconfigured

_PATIENCE_SECONDS: Final = 3_600.0
_WHY: Final = {
    Standing.NOT_STORED: "nothing is stored there",
    Standing.REJECTED: "the record was rejected, so no payload was kept",
    Standing.NOT_SEALED: "it is not sealed yet, which takes up to two hours: its leaf must be in the chain first",
    Standing.ERASED: "it is erased already",
}
_SHOWN: Final = 20


def erase(
    coordinate: Annotated[list[str] | None, typer.Argument(help="Records: log_no/topic/partition/offset")] = None,
    cvr: Annotated[str, typer.Option(help="With --task: the authority whose task it is.")] = "",
    task: Annotated[str, typer.Option(help="Every record that is about this task.")] = "",
    reason: Annotated[str, typer.Option(help="Why, as a token: stands in the ledger for ever.")] = "",
    by: Annotated[str, typer.Option(help="Token of who requested it: stands in the ledger for ever.")] = "",
    again: Annotated[
        bool, typer.Option("--again", help="Only remove what the ledger names and is still, or once more, there.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, erase nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Erase payload and salt of sealed records, for good, and note in the ledger who wanted it and why.

    What stays says nothing of the content: coordinate, broker time, digest under a salt that is gone, leaf and seal, and the
    identifiers that the source gave event and task. The measurement stays: it holds numbers and opaque tokens. If the task shall
    not count any more the source retracts it. Kafka keeps the record as long as the topic's retention says; a collector that
    reads it again stores no payload.

    All or nothing: exit code 1 and nothing done where one of the records cannot be erased, and why; also where a payload is
    written again and again. 3: ClickHouse is away, or took longer than an hour: run it again with --again.

    Examples: frigjort audit erase --cvr 10000009 --task t-4711 --reason request-of-the-citizen --by dpo-office --dry-run

    frigjort audit erase 1/frigjort.tasks.v1.10000009/0/4711 --reason court-order --by legal-office --yes
    """
    store = ErasureStore(
        clickhouse.connect(settings(data)[1].model_copy(update={"timeout_seconds": _PATIENCE_SECONDS}))
    )
    if again:
        left = store.left() if dry_run else erase_again(store)
        _tell_again(left, as_json=as_json)
        raise typer.Exit(ExitCode.NO if left else ExitCode.OK)
    request = Request(token("--reason", reason), token("--by", by), datetime.now(UTC))
    if as_json and not (yes or dry_run):
        raise Misconfigured("--json", "nobody can be asked: add --yes, or --dry-run")
    found = standings(store, _wanted(store, coordinate or [], cvr, task))
    possible = bool(found) and set(found.values()) <= {Standing.ERASABLE, Standing.ERASED}
    left = _erased(store, found, request, ask=not yes) if possible and not dry_run else []
    _tell(found, left, done=possible and not dry_run, as_json=as_json)
    if left or not possible:
        raise typer.Exit(ExitCode.NO)


def _erased(
    store: ErasureStore, found: Mapping[Coordinate, Standing], request: Request, *, ask: bool
) -> Sequence[Coordinate]:
    """Erases what is not erased yet, and what the ledger names and is there all the same; what is left."""
    erasable = [at for at, standing in found.items() if standing == Standing.ERASABLE]
    if ask:
        question = f"Payload and salt of {len(erasable):,} records are removed for good. Go on?"
        typer.confirm(question, abort=True, err=True)
    store.announce(erasable, request)
    return erase_again(store, list(found))


def _wanted(store: ErasureStore, coordinates: Sequence[str], cvr: str, task: str) -> list[Coordinate]:
    if bool(coordinates) == bool(task) or bool(task) != bool(cvr):
        raise Misconfigured("records", "name either coordinates, or --cvr with --task")
    if not task:
        return list(dict.fromkeys(map(coordinate_of, coordinates)))
    return store.of_task(topics.tasks_topic(cvr_number("--cvr", cvr)), task)


def _tell(found: Mapping[Coordinate, Standing], left: Sequence[Coordinate], *, done: bool, as_json: bool) -> None:
    if as_json:
        records = [{"coordinate": str(at), "standing": standing.value} for at, standing in found.items()]
        typer.echo(json.dumps({"erased": done and not left, "records": records, "left": [str(at) for at in left]}))
        return
    for at, standing in [pair for pair in found.items() if pair[1] in _WHY][:_SHOWN]:
        typer.echo(f"{at}: {_WHY[standing]}")
    counts = Counter(found.values())
    typer.echo(
        f"{counts[Standing.ERASABLE]:,} of {len(found):,} records {'are erased' if done else 'can be erased'}"
        if found
        else "no such record"
    )
    for at in left[:_SHOWN]:
        typer.echo(f"{at}: its payload was written again: `frigjort audit erase --again`")


def _tell_again(left: Sequence[Coordinate], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"left": [str(at) for at in left]}))
        return
    typer.echo(f"{len(left):,} records hold a payload that the ledger says is erased")
    for at in left[:_SHOWN]:
        typer.echo(str(at))
