"""`frigjort baseline`: what estimates stands in `estimate.py`, the workflow in `workflow/`, restate in `restate.py`."""

import typer

from services.cli.estimate import estimate, estimate_controls
from services.cli.restate import restate
from services.cli.workflow.decide import approve, publish, withdraw
from services.cli.workflow.diff import diff
from services.cli.workflow.look import expire, list_baselines, show
from services.cli.workflow.propose import propose
from services.cli.workflow.renew import renew

app = typer.Typer(help="Baselines: expected effort without AI.", no_args_is_help=True)
for command in (estimate, estimate_controls, propose, approve, publish, renew, withdraw, expire, show, diff, restate):
    app.command()(command)
app.command(name="list")(list_baselines)
