"""`frigjort baseline renew`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from services.baselines.book import Book, Version, content_of
from services.baselines.estimates import EXPIRES_AFTER
from services.baselines.in_scope.holdout import Holdout, holdout
from services.baselines.in_scope.place import place_of
from services.baselines.proposals import Draft, Proposal
from services.cli.connection import in_scope, registry
from services.cli.moments import utc
from services.cli.tokens import token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.cli.workflow.words import SHOWN_OF_AN_ID, minutes
from services.runtime.errors import Misconfigured, Refused


def renew(
    series: Annotated[str, typer.Argument(help="As `frigjort baseline list` shows it, without the version.")],
    by: Annotated[str, typer.Option(help="Token of who proposes the renewal.")],
    valid_from: Annotated[datetime | None, typer.Option(help="Else where the renewed version ends.")] = None,
    window_from: Annotated[datetime | None, typer.Option(help="Else a year before the window's end.")] = None,
    window_to: Annotated[datetime | None, typer.Option(help="Exclusive; else today, 00:00 UTC.")] = None,
    takes_over: Annotated[
        bool, typer.Option("--takes-over", help="Take the place of what is in force in its interval.")
    ] = False,
    evidence: Annotated[Path | None, typer.Option(help="Write the control tasks that it rests on, as CSV.")] = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Propose the next version of a series from its holdout: the control tasks in ClickHouse. For another 24 months.

    Counted are finished tasks of the scope with arm control, completed in the window, with the idle cap that was fixed before
    AI. The evidence's digest is that of the file that --evidence writes. A second person approves it as any proposal. Exit
    code 1: fewer than 200 tasks or 30 clusters, every version is withdrawn, or its interval overlaps another's.

    Examples: frigjort baseline renew nation/27.35.04/low --by method-office --evidence holdout.csv

    frigjort baseline renew nation/27.35.04/low --by method-office --valid-from 2026-07-01 --takes-over
    """
    now = datetime.now(UTC)
    by = token("--by", by)
    until = utc(window_to) or now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = utc(window_from) or until - timedelta(days=365)
    if since >= until:
        raise Misconfigured("--window-from", "the window ends before it begins")
    writer = registry(data)
    book = writer.book()
    renewed = _renewed(book, series)
    place = place_of(renewed.baseline, book.registry, since, until)
    found = holdout(in_scope(data).controls(place), renewed.baseline.cap_ms)
    content = _content(renewed, found, (since, until), utc(valid_from) or renewed.end)
    (proposal,) = writer.propose([Draft({**content, "proposed_by": by}, takes_over)], now)
    if evidence is not None:
        evidence.write_bytes(found.evidence)
    _say(proposal, renewed, found, as_json)


def _renewed(book: Book, series: str) -> Version:
    versions = book.series(series)
    if not versions:
        raise Misconfigured(series, "no version of this series was published: see `frigjort baseline list`")
    standing = [version for version in versions if version.withdrawn is None]
    if not standing:
        raise Refused(f"the renewal of {series}", "every version of it is withdrawn", "propose a new one")
    return max(standing, key=lambda version: version.end)


def _content(
    renewed: Version, found: Holdout, window: tuple[datetime, datetime], valid_from: datetime
) -> dict[str, Any]:
    numbers = found.estimate
    return {
        **{name: value for name, value in content_of(renewed.baseline).items() if name != "version"},
        "valid_from": valid_from,
        "valid_to": valid_from + EXPIRES_AFTER,
        "expires_at": valid_from + EXPIRES_AFTER,
        "n": numbers.n,
        "clusters": numbers.clusters,
        "mean_ms": numbers.mean_ms,
        "standard_error_ms": numbers.standard_error_ms,
        "median_ms": numbers.median_ms,
        "p90_ms": numbers.p90_ms,
        "method": "holdout",
        "evidence": {"source": found.source, "sha256": found.sha256, "window_from": window[0], "window_to": window[1]},
    }


def _say(proposal: Proposal | Version, renewed: Version, found: Holdout, as_json: bool) -> None:
    numbers = found.estimate
    if as_json:
        answer = {
            "proposal": proposal.id if isinstance(proposal, Proposal) else None,
            "becomes": proposal.subject,
            "renews": renewed.subject,
            "n": numbers.n,
            "clusters": numbers.clusters,
            "mean_ms": numbers.mean_ms,
            "standard_error_ms": numbers.standard_error_ms,
            "mean_before_ms": renewed.baseline.mean_ms,
            "left_out": found.left_out,
            "sha256": found.sha256,
        }
        typer.echo(json.dumps(answer))
        return
    if isinstance(proposal, Version):
        typer.echo(f"{proposal.subject} says the same already")
        return
    typer.echo(
        f"{proposal.id[:SHOWN_OF_AN_ID]} is proposed as {proposal.subject}: {minutes(numbers.mean_ms)} minutes "
        f"(SE {minutes(numbers.standard_error_ms)}) from {numbers.n:,} control tasks in {numbers.clusters:,} clusters; "
        f"{renewed.subject} has {minutes(renewed.baseline.mean_ms)}"
    )
    for why, count in sorted(found.left_out.items()):
        typer.echo(f"{count:,} control tasks left out: {why}")
