"""How often each plausibility flag is raised, counted seldom, since that reads every measurement several times."""

from typing import Final

from clickhouse_connect.driver.client import Client

from services.runtime.clickhouse import INSERT_SETTINGS, translated

_COUNT: Final = """
INSERT INTO flag_counts (computed_at, flag, authority, times)
WITH now64(3, 'UTC') AS at
SELECT at, flag, authority, count() FROM plausibility_flags GROUP BY flag, authority
UNION ALL SELECT at, '', '', 0
"""
"""Always with the row that says that they were counted."""


def count_flags(client: Client) -> None:
    """Counts them and stores that. Raises `Retry` or `Halt`."""
    with translated():
        client.command(_COUNT, settings=INSERT_SETTINGS)
