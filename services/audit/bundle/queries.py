"""What a bundle is read with: views that an auditor may read himself. Times are epoch milliseconds, days are counted from 1970."""

from typing import Final

_PLACE: Final = "log_no, topic, partition"
RECORD_COLUMNS: Final = (
    f"{_PLACE}, offset, digest, accepted, rules, toUnixTimestamp64Milli(broker_time) AS broker_ms, event_type, event_source, "
    "event_id, subject, payload, salt, leaf, code, path"
)
RECORDS: Final = f"SELECT {RECORD_COLUMNS} FROM record_rows WHERE topic IN {{topics:Array(String)}} ORDER BY {_PLACE}, offset, digest, accepted, rules"
SEALS: Final = (
    f"SELECT {_PLACE}, last_offset, chain, records, toUnixTimestamp64Milli(closed_at) AS closed_ms FROM checkpoints "
    f"WHERE topic IN {{topics:Array(String)}} OR log_no = 0 ORDER BY {_PLACE}, last_offset, chain"
)
ERASURES: Final = (
    f"SELECT {_PLACE}, offset, reason, requested_by, toUnixTimestamp64Milli(erased_at) AS erased_ms FROM erased_records "
    f"WHERE topic IN {{topics:Array(String)}} ORDER BY {_PLACE}, offset"
)
BASELINES: Final = (
    "SELECT generation, digest, toUnixTimestamp64Milli(published_at) AS published_ms, baseline, baseline_version, kind, level, "
    "authority, sector, task_type, complexity, toUnixTimestamp64Milli(valid_from) AS valid_from_ms, "
    "toUnixTimestamp64Milli(valid_to) AS valid_to_ms, toUnixTimestamp64Milli(expires_at) AS expires_at_ms, n, clusters, mean_ms, "
    "standard_error_ms, median_ms, p90_ms, cap_ms, between_authority_sd_ms, method, grade, evidence_source, evidence_sha256, "
    "proposed_by, approved_by, payload FROM baseline_versions ORDER BY generation, digest"
)
AUTHORITIES: Final = (
    "SELECT generation, digest, toUnixTimestamp64Milli(published_at) AS published_ms, authority, authority_version, name, sector, "
    "case_systems, staff_hours, payload FROM authority_versions ORDER BY generation, digest"
)
MEASUREMENTS: Final = (
    "SELECT authority, task, revision, toInt32(day) AS day, toUnixTimestamp64Milli(started_at) AS started_ms, "
    "toUnixTimestamp64Milli(completed_at) AS completed_ms, task_type, complexity, time_basis, assistance, assignment, arm, origin, "
    "outcome, work, audience, programme, study, stratum, cluster, cluster_kind, active_ms, counted_active_ms, capped, review_ms, "
    "rework_ms, effort_ms, credit_ms, saved_ms, status, baseline, baseline_version, baseline_level, grade, "
    "predicted_without_ai_ms, predicted_with_ai_ms, generation, rules, log_no, partition, offset, "
    "toUnixTimestamp64Milli(broker_time) AS broker_ms FROM task_measurements WHERE authority IN {authorities:Array(String)} "
    "ORDER BY authority, task"
)
TOTALS: Final = (
    "SELECT count() AS tasks, countIf(status = 'measured') AS measured, sumIf(effort_ms, status = 'measured') AS effort_ms, "
    "sumIf(ifNull(credit_ms, 0), status = 'measured') AS credit_ms, sumIf(ifNull(saved_ms, 0), status = 'measured') AS saved_ms, "
    "countIf(status = 'measured' AND role = 'treated') AS treated, "
    "sumIf(ifNull(t.saved_ms, 0), status = 'measured' AND role = 'treated') AS freed_ms "
    "FROM task_roles AS t WHERE authority IN {authorities:Array(String)}"
)
ENDS: Final = f"SELECT {_PLACE}, max(offset) FROM record_rows GROUP BY {_PLACE} ORDER BY {_PLACE}"

AS_A_FILE: Final = {
    "records.parquet": RECORDS,
    "seals.parquet": SEALS,
    "erasures.parquet": ERASURES,
    "baselines.parquet": BASELINES,
    "authorities.parquet": AUTHORITIES,
    "measurements.parquet": MEASUREMENTS,
    "totals in manifest.json": TOTALS,
}
"""The SQL of each file, for the auditor who asks ClickHouse himself."""
