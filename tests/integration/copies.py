"""Tables that are given another content, and what they were."""

from collections.abc import Sequence

from tests.integration.delivering import Database


class Copies:
    """Keeps what the tables were, and gives them another content."""

    def __init__(self, database: Database, tables: Sequence[str]) -> None:
        self._database = database
        self.tables = tables
        for table in tables:
            database.client.command(f"CREATE TABLE was_{table} AS {table}")
            database.client.command(f"INSERT INTO was_{table} SELECT * FROM {table} FINAL")

    def restore(self, table: str) -> None:
        """As it was."""
        self._filled(table, f"SELECT * FROM was_{table}")

    def _filled(self, table: str, *selects: str) -> None:
        self._database.client.command(f"TRUNCATE TABLE {table}")
        for select in selects:
            self._database.client.command(f"INSERT INTO {table} {select}")
