"""`frigjort topics`: the topics that the services need, and the registry's events in them."""

import json
from typing import Annotated

import typer

from services.cli.connection import registry
from services.cli.up import DEFAULT_FOLDER, DataFolder


def topics(data: DataFolder = DEFAULT_FOLDER, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Create missing topics, bind new incarnations of the authorities' topics, publish the registry again.

    May be run at any time: what is there already is left as it is. Example: frigjort topics
    """
    known = registry(data)
    known.log.ensure_shared_topics()
    bound = known.bind_topics([entry["authority"] for entry in known.store.authorities()])
    published = known.republish()
    if as_json:
        typer.echo(json.dumps({"bound": bound, "published": published}))
    else:
        typer.echo(f"topics are there; {bound} new incarnations bound, {published} registry events published")
