"""The numbered SQL files of deploy/clickhouse/migrations, applied in order, once each."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_migrations.migrator import split_statement_tokens

from services.runtime.clickhouse import connect, translated
from services.runtime.errors import FrigjortError
from services.runtime.settings import ClickHouseSettings

FOLDER: Final = Path(__file__).resolve().parents[2] / "deploy" / "clickhouse" / "migrations"
_APPLIED: Final = """
CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, name String, sha256 String, applied_at DateTime64(3, 'UTC')
DEFAULT now64(3, 'UTC')) ENGINE = ReplacingMergeTree ORDER BY (version, sha256)
"""


class MigrationFailed(FrigjortError):
    """A file cannot be applied. Every statement may run again: mend the cause, then migrate again."""

    def __init__(self, file: str, statement: str, cause: str, repair: str) -> None:
        super().__init__(f"{file}: {cause}\n\nThe failing statement:\n{statement}\n\nRepair: {repair}")
        self.file = file
        self.statement = statement


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its statements."""

    version: int
    name: str
    sha256: str
    statements: tuple[str, ...]


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The files in order. Raises `MigrationFailed` where the numbers have a gap."""
    found = []
    for number, file in enumerate(sorted(folder.glob("*.sql")), start=1):
        text = file.read_text(encoding="utf-8")
        statements = tuple("".join(token.text for token in tokens).strip() for tokens in split_statement_tokens(text))
        version = int(file.name.partition("_")[0])
        if version != number:
            raise MigrationFailed(file.name, "", f"number {number:03} is missing", "number the files without a gap")
        found.append(Migration(version, file.name, hashlib.sha256(text.encode()).hexdigest(), statements))
    return found


def migrate(settings: ClickHouseSettings, folder: Path = FOLDER) -> Iterator[tuple[Migration, bool]]:
    """Applies what is not applied yet; yields each file and whether it was applied now. Raises `MigrationFailed`."""
    connect(settings, database="default").command(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
    client = connect(settings)
    client.command(_APPLIED)
    known = standing(client, folder)
    for migration in migrations(folder):
        if known[migration.name] == Standing.CHANGED:
            raise MigrationFailed(
                migration.name,
                "",
                "the file was changed after it was applied",
                "restore it; put changes into a new file",
            )
        pending = known[migration.name] == Standing.PENDING
        if pending:
            _apply(client, migration)
        yield migration, pending


class Standing(StrEnum):
    """How a migration stands in a database. `UNKNOWN`: applied, and no file of this release."""

    APPLIED = "applied"
    PENDING = "pending"
    CHANGED = "changed after it was applied"
    UNKNOWN = "unknown to this release"


def standing(client: Client, folder: Path = FOLDER) -> dict[str, Standing]:
    """How each migration stands, by its name; changes nothing. Raises `Retry` or `Halt`."""
    with translated():
        exists = client.query("EXISTS TABLE schema_migrations").result_rows[0][0]
        rows = client.query("SELECT version, name, sha256 FROM schema_migrations FINAL").result_rows if exists else []
    applied = {version: (name, digest) for version, name, digest in rows}
    found = {}
    for migration in migrations(folder):
        known = applied.pop(migration.version, None)
        if known is None:
            found[migration.name] = Standing.PENDING
        else:
            found[migration.name] = Standing.APPLIED if known[1] == migration.sha256 else Standing.CHANGED
    return found | {name: Standing.UNKNOWN for name, _ in applied.values()}


def _apply(client: Client, migration: Migration) -> None:
    for statement in migration.statements:
        try:
            client.command(statement)
        except ClickHouseError as error:
            cause = str(error).partition("\n")[0]
            repair = "mend the cause and run `frigjort migrate` again; statements that succeeded change nothing then"
            raise MigrationFailed(migration.name, statement, cause, repair) from error
    client.insert(
        "schema_migrations",
        [[migration.version, migration.name, migration.sha256]],
        column_names=["version", "name", "sha256"],
    )
