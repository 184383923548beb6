"""`frigjort audit bundle`: a folder with which an auditor verifies and recomputes offline."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from services.audit.bundle.clickhouse import BundleStore
from services.audit.bundle.writing import Writing
from services.cli.connection import auditor
from services.cli.progress_bar import progress
from services.cli.tokens import Cvrs, cvr_numbers
from services.cli.up import DEFAULT_FOLDER, DataFolder
from services.domain.units import hours_text


def bundle(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    cvr: Cvrs = None,
    data: DataFolder = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="The manifest, as one JSON object.")] = False,
) -> None:
    """Write records with their salts, registry, seals, erasures and measurements as Parquet, with the SQL and a verifier.

    The verifier, verify.py in the folder, is one file that needs Python and pyarrow and nothing of Frigjort: it computes digests,
    leaves and chains anew, measures each task from its events and baselines in plain Python, and compares with the measurements
    and their totals. Compare with checkpoints that you kept elsewhere by --checkpoints: whoever writes the bundle could have
    written all of it. It holds payloads: keep it like the database itself.

    Example: frigjort audit bundle ./audit-2026-06 --cvr 10000009 && python ./audit-2026-06/verify.py --checkpoints seals.jsonl
    """
    authorities = cvr_numbers(cvr)
    store = BundleStore(auditor(data))
    with progress() as bar:
        task = bar.add_task("writing records", total=None)
        writing = Writing(folder, store, datetime.now(UTC), authorities, lambda rows: bar.advance(task, rows))
        manifest = writing.run()
    if as_json:
        typer.echo(json.dumps(manifest))
        return
    for name, file in manifest["files"].items():
        rows = f", {file['rows']:,} rows" if "rows" in file else ""
        typer.echo(f"{name}: {file['bytes']:,} bytes{rows}, SHA-256 {file['sha256']}")
    totals = manifest["totals"]
    typer.echo(f"{totals['tasks']:,} tasks, {totals['measured']:,} measured, saved {hours_text(totals['saved_ms'])}")
    typer.echo(f"verify it with: python {folder / 'verify.py'}")
