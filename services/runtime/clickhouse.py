"""The one way to a ClickHouse client: pinned insert behaviour, no session, typed errors."""

from collections.abc import Iterator
from contextlib import contextmanager

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError, OperationalError
from urllib3.exceptions import HTTPError

from services.runtime.errors import Halt, Retry
from services.runtime.settings import ClickHouseSettings

INSERT_SETTINGS = {"async_insert": 0, "wait_end_of_query": 1, "insert_deduplicate": 0, "optimize_on_insert": 0}
"""Since 26.2 the defaults differ: an insert is acknowledged when its rows are stored, and never dropped as a repeat. Rows
are not merged while they are inserted: reading with FINAL does that, and a merge does it once."""


def connect(settings: ClickHouseSettings, database: str | None = None) -> Client:
    """A client that may be used from several threads. Raises `Retry` when the server does not answer."""
    with translated():
        return clickhouse_connect.get_client(
            dsn=settings.url,
            username=settings.user,
            password=settings.password.get_secret_value(),
            database=settings.database if database is None else database,
            autogenerate_session_id=False,
            connect_timeout=min(5, int(settings.timeout_seconds) or 1),
            send_receive_timeout=int(settings.timeout_seconds),
            query_retries=0,
            compress=False if settings.compression == "none" else settings.compression,
            client_name="frigjort",
        )


@contextmanager
def translated() -> Iterator[None]:
    """ClickHouse's errors as `Retry`, or as `Halt` where waiting cannot help (access, unknown table or column)."""
    try:
        yield
    except DatabaseError as error:
        code = getattr(error, "code", None)
        if code in _LASTING:
            raise Halt("ClickHouse", f"error {code}: {_first_line(error)}", _LASTING[code]) from error
        raise Retry("ClickHouse", _first_line(error)) from error
    except (OperationalError, ClickHouseError, HTTPError, OSError) as error:
        raise Retry("ClickHouse", _first_line(error)) from error


_LASTING = {
    16: "run `frigjort migrate`",  # no such column
    47: "run `frigjort migrate`",  # unknown identifier
    60: "run `frigjort migrate`",  # unknown table
    81: "run `frigjort migrate`",  # unknown database
    497: "grant the user what deploy/clickhouse/users says",
    516: "set FRIGJORT_CLICKHOUSE_USER and FRIGJORT_CLICKHOUSE_PASSWORD",
}


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:300]
