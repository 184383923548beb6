"""`frigjort baseline approve|publish|withdraw`."""

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from services.cli.connection import registry
from services.cli.tokens import token
from services.cli.up import DEFAULT_FOLDER, DataFolder

Names = Annotated[
    list[str], typer.Argument(metavar="PROPOSAL…", help="Id, its first 8 characters or more, or SERIES/VERSION.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def approve(
    proposals: Names,
    by: Annotated[str, typer.Option(help="Token of who approves: not of who proposed.")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Approve proposals as a second identity; all of them or none. Approving again changes nothing.

    Look first: `frigjort baseline show` and `frigjort baseline diff`. Exit code 1: a rule says no (own proposal, withdrawn,
    expired, outdated, published before); 2: there is no such proposal.

    Examples: frigjort baseline approve 3f9a52c1 --by finance-office

    frigjort baseline approve 29189846/parking-permit/1 --by finance-office --json
    """
    approver = token("--by", by)
    done = registry(data).approve(proposals, approver, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"approved": done.subjects, "new": done.new}))
    else:
        typer.echo(f"{', '.join(done.subjects)}: approved by {approver}" + ("" if done.new else " before"))


def publish(proposals: Names, data: DataFolder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Publish approved proposals; all of them or none. Publishing again changes nothing, and tells Kafka again.

    Each becomes the version that it names. What it replaces is withdrawn, and published again for what is left of its interval.
    Tasks that were measured before are stale until `frigjort baseline restate`. Exit code 1: a rule says no (not approved,
    overlap in its scope, another content published under its version, withdrawn, expired); 2: there is no such proposal; 4:
    another writer holds the registry, or its content contradicts itself.

    Example: frigjort baseline publish 3f9a52c1
    """
    done = registry(data).publish(proposals, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"published": done.new, "unchanged": done.unchanged, "events": len(done.said)}))
        return
    for words, subjects in (("published", done.new), ("was published before", done.unchanged)):
        for subject in subjects:
            typer.echo(f"{subject} {'is ' if subjects is done.new else ''}{words}")


def withdraw(
    baseline: Annotated[str, typer.Argument(help="The series, as `frigjort baseline list` shows it.")],
    version: Annotated[int, typer.Argument(min=1, help="Its version.")],
    reason: Annotated[str, typer.Option(help="Why, as a token: letters, digits and . _ : / -")],
    by: Annotated[str, typer.Option(help="Token of who withdraws it.")],
    data: DataFolder = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Withdraw a published version: tasks measured from now on are not measured against it. Nothing is deleted.
    Those that were measured before are stale until `frigjort baseline restate`.

    Collectors then take the next less specific baseline; where there is none the task is unmeasured. Withdrawing it again
    changes nothing. Exit code 2: no such version.

    Example: frigjort baseline withdraw nation/27.35.04/low 1 --reason wrong-source-file --by method-office
    """
    new = registry(data).withdraw(baseline, version, reason, by, datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps({"baseline": baseline, "version": version, "withdrawn_now": new}))
    else:
        typer.echo(f"{baseline} version {version} " + ("is withdrawn" if new else "was withdrawn before"))
