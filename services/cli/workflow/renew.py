"""`frigjort baseline renew`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from services.baselines.book import Book, Version, content_of
from services.baselines.controls import Controls, control_counts, renewed_estimate
from services.baselines.estimates import EXPIRES_AFTER, TaskTypeEstimate
from services.baselines.in_scope.place import place_of
from services.baselines.proposals import Draft, Proposal
from services.cli.connection import control_store, registry
from services.cli.estimate import EvidenceFile
from services.cli.moments import utc
from services.cli.tokens import token
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.cli.workflow.words import SHOWN_OF_AN_ID, minutes
from services.domain.clusters.sizes import MIN_CLUSTERS, MIN_CONTROLS
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
    evidence: EvidenceFile = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Propose the next version of a series from its holdout: the control tasks in ClickHouse. For another 24 months.

    Counted are finished tasks of the scope with arm control, completed in the window, with the idle cap that was fixed before
    AI; what else is said of them (`frigjort baseline estimate-controls`) is said here too. The evidence's digest is that of
    the file that --evidence writes. A second person approves it as any proposal. Exit code 1: the holdout does not support
    it (fewer than 200 tasks or 30 clusters, or self-reported time), every version is withdrawn, or its interval overlaps
    another's.

    Examples: frigjort baseline renew nation/27.35.04/low --by method-office --evidence holdout.tsv

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
    controls, found = _supported(control_store(data).controls(place), renewed)
    content = _content(renewed, found, controls, (since, until), utc(valid_from) or renewed.end)
    (proposal,) = writer.propose([Draft({**content, "proposed_by": by}, takes_over)], now)
    if evidence is not None:
        evidence.write_bytes(controls.evidence)
    _say(proposal, renewed, found, controls, as_json)


def _renewed(book: Book, series: str) -> Version:
    versions = book.series(series)
    if not versions:
        raise Misconfigured(series, "no version of this series was published: see `frigjort baseline list`")
    standing = [version for version in versions if version.withdrawn is None]
    if not standing:
        raise Refused(f"the renewal of {series}", "every version of it is withdrawn", "propose a new one")
    return max(standing, key=lambda version: version.end)


def _supported(controls: Controls | None, renewed: Version) -> tuple[Controls, TaskTypeEstimate]:
    """What the renewal rests on, and the estimate from it. Raises `Refused` where the control tasks do not support one."""
    what = f"the renewal of {renewed.baseline.baseline}"
    remedy = f"wait for at least {MIN_CONTROLS} tasks and {MIN_CLUSTERS} clusters, or widen the window"
    content = renewed.baseline
    found = renewed_estimate(controls, content.complexity, content.cap_ms) if controls is not None else None
    if controls is None or found is None:
        raise Refused(what, "unsupported: no control task was finished in this window", remedy)
    numbers, verdict = found.estimate, found.verdict
    if found.method != "holdout":
        raise Refused(what, "unsupported: most of the control tasks hold what people said", "have their time measured")
    if verdict.word == "unsupported" or numbers.n < MIN_CONTROLS or numbers.clusters < MIN_CLUSTERS:
        raise Refused(what, f"{numbers.n} control tasks in {numbers.clusters} clusters are {verdict}", remedy)
    return controls, found


def _content(
    renewed: Version, found: TaskTypeEstimate, controls: Controls, window: tuple[datetime, datetime], begin: datetime
) -> dict[str, Any]:
    numbers = found.estimate
    other_caps = numbers.under_cap(renewed.baseline.cap_ms)
    return {
        **{name: value for name, value in content_of(renewed.baseline).items() if name != "version"},
        "valid_from": begin,
        "valid_to": begin + EXPIRES_AFTER,
        "expires_at": begin + EXPIRES_AFTER,
        "n": numbers.n,
        "clusters": numbers.clusters,
        "mean_ms": numbers.mean_ms,
        "standard_error_ms": numbers.standard_error_ms,
        "median_ms": numbers.median_ms,
        "p90_ms": numbers.p90_ms,
        **(asdict(other_caps) if other_caps is not None else {}),
        "method": found.method,
        "evidence": {
            "source": controls.source,
            "sha256": controls.sha256,
            "window_from": window[0],
            "window_to": window[1],
        },
    }


def _say(
    proposal: Proposal | Version, renewed: Version, found: TaskTypeEstimate, controls: Controls, as_json: bool
) -> None:
    numbers, verdict, counts = found.estimate, found.verdict, control_counts(controls)
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
            "verdict": verdict.word,
            "reasons": verdict.reasons,
            "notes": verdict.notes,
            "unfinished": counts.unfinished,
            "induced": counts.induced,
            "sha256": controls.sha256,
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
    typer.echo(f"{counts.unfinished:,} abandoned or escalated and {counts.induced:,} induced ones are left out.")
    for words in (str(verdict), *verdict.notes):
        typer.echo(words)
