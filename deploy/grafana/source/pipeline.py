"""Pipeline: throughput, lag, latency, errors of the collectors, and what the progress service publishes."""

from typing import Any

from deploy.grafana.source.panels import gauge, measured
from deploy.grafana.source.words import Say

_P99 = "histogram_quantile(0.99, sum by (le) (rate(frigjort_collector_latency_seconds_bucket[5m])))"
_P50 = "histogram_quantile(0.5, sum by (le) (rate(frigjort_collector_latency_seconds_bucket[5m])))"


def dashboard(say: Say) -> Any:
    """The dashboard."""
    return (
        say.dashboard("frigjort-pipeline", "Pipeline", "Whether what is sent is stored, and how fast.", since="now-6h")
        .with_panel(
            gauge(
                say("Records behind"),
                "sum(frigjort_collector_lag_records)",
                "none",
                say("In Kafka and not stored yet."),
            )
        )
        .with_panel(
            gauge(
                say("Halted partitions"),
                "sum(frigjort_collector_halted_partitions)",
                "none",
                say("Going on would break a promise: /readyz of the collector says why."),
                bad_from=1,
            )
        )
        .with_panel(
            gauge(
                say("Braked partitions"),
                "sum(frigjort_collector_brake_engaged) or vector(0)",
                "none",
                say("A flood of rejections stopped them."),
                bad_from=1,
            )
        )
        .with_panel(
            gauge(
                say("Units behind"),
                "max(frigjort_progress_rollup_lag_seconds)",
                "s",
                say("For how long the oldest unit has been changed and is not published."),
            )
        )
        .with_panel(
            gauge(
                say("Figures"),
                "time() - max(frigjort_progress_last_figures_timestamp_seconds)",
                "s",
                say("Since they were last looked at."),
            )
        )
        .with_panel(
            gauge(
                say("Reconciled"),
                "time() - max(frigjort_progress_last_reconciliation_timestamp_seconds)",
                "s",
                say("Since Kafka and ClickHouse were last compared."),
            )
        )
        .with_panel(
            measured(
                say("Records a second"),
                {
                    say("received"): "sum(rate(frigjort_collector_records_received_total[1m]))",
                    say("accepted"): "sum(rate(frigjort_collector_records_accepted_total[1m]))",
                },
                "none",
                say("Of all collectors."),
            )
        )
        .with_panel(
            measured(
                say("Refused a minute"),
                {"{{code}}": "sum by (code) (rate(frigjort_collector_records_rejected_total[5m])) * 60"},
                "none",
                say("By the code of the contract."),
            )
        )
        .with_panel(
            measured(
                say("From the broker to the stored row"),
                {"p99": _P99, "p50": _P50},
                "s",
                say("Promise 9: under two seconds at the 99th percentile."),
            )
        )
        .with_panel(
            measured(
                say("Records behind, by collector"),
                {"{{instance}}": "sum by (instance) (frigjort_collector_lag_records)"},
                "none",
                say("In Kafka and not stored yet."),
            )
        )
        .with_panel(
            measured(
                say("Rows an insert"),
                {
                    say(
                        "rows"
                    ): "sum(rate(frigjort_collector_batch_rows_sum[5m])) / sum(rate(frigjort_collector_batch_rows_count[5m]))"
                },
                "none",
                say("One insert a batch; small ones cost."),
            )
        )
        .with_panel(
            measured(
                say("Time of an insert"),
                {
                    "{{table}}": "sum by (table) (rate(frigjort_collector_insert_seconds_sum[5m])) / sum by (table) (rate(frigjort_collector_insert_seconds_count[5m]))"
                },
                "s",
                say("Mean, by table."),
            )
        )
        .with_panel(
            measured(
                say("A neighbour was away"),
                {"{{neighbour}}": "sum by (neighbour) (rate(frigjort_collector_retries_total[5m])) * 60"},
                "none",
                say("Attempts a minute; nothing is lost meanwhile."),
            )
        )
        .with_panel(
            measured(
                say("Memory"),
                {"{{instance}}": 'process_resident_memory_bytes{job=~"collector|progress"}'},
                "bytes",
                say("Resident, by process."),
            )
        )
    )
