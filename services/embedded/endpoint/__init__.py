"""ClickHouse's HTTP interface over the ClickHouse engine as a Python module, in a process of its own."""
