"""What the doctor asks ClickHouse."""

from clickhouse_connect.driver.client import Client

from services.runtime.clickhouse import INSERT_SETTINGS, translated

_TABLES = ("records", "measurements", "baselines", "authorities", "logs")


def version(client: Client) -> str:
    """The server's version. Raises `Retry` or `Halt`."""
    with translated():
        ((found,),) = client.query("SELECT version()").result_rows
    return str(found)


def effective_insert_settings(client: Client) -> dict[str, str]:
    """The values in force for a statement that asks for `INSERT_SETTINGS`. Raises `Retry` or `Halt`."""
    sql = "SELECT name, value FROM system.settings WHERE name IN {names:Array(String)}"
    with translated():
        answer = client.query(sql, parameters={"names": sorted(INSERT_SETTINGS)}, settings=INSERT_SETTINGS)
    return {str(name): str(value) for name, value in answer.result_rows}


def engines(client: Client) -> dict[str, str]:
    """The engine clause of each table that an acknowledgement depends on. Raises `Retry` or `Halt`."""
    sql = "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}"
    with translated():
        answer = client.query(sql, parameters={"names": list(_TABLES)})
    return {str(name): str(engine) for name, engine in answer.result_rows}
