"""Progress towards the goal: figures with their intervals, read from ClickHouse."""
