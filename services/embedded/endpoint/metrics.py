"""Every metric of the endpoint."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_KINDS: Final = frozenset(
    {
        "SELECT",
        "WITH",
        "SHOW",
        "DESCRIBE",
        "EXPLAIN",
        "EXISTS",
        "INSERT",
        "CREATE",
        "ALTER",
        "DROP",
        "OPTIMIZE",
        "SYSTEM",
    }
)


class EndpointMetrics:
    """The endpoint's metrics. Labels: never a name that a client chose."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.queries = Counter("frigjort_endpoint_queries", "Queries that ended", ["user", "kind"], registry=registry)
        self.errors = Counter("frigjort_endpoint_errors", "Queries that failed, by code", ["code"], registry=registry)
        self.running = Gauge(
            "frigjort_endpoint_running", "Queries that run or wait to run", ["user"], registry=registry
        )
        self.rows_written = Counter("frigjort_endpoint_rows_written", "Rows of inserts", registry=registry)
        self.rows_read = Counter("frigjort_endpoint_rows_read", "Rows that queries read", registry=registry)
        self.seconds = Histogram("frigjort_endpoint_query_seconds", "Time of a query", ["kind"], registry=registry)
        self.log_lost = Counter(
            "frigjort_endpoint_query_log_lost", "Entries of the query log that could not be stored", registry=registry
        )

    @staticmethod
    def kind(word: str) -> str:
        """A statement's kind as a label."""
        return word if word in _KINDS else "other"
