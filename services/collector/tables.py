"""The shapes of the batches that move through the path, as Arrow schemas."""

from typing import Final

import pyarrow as pa

TEXT: Final = (
    *("type", "source", "id", "subject", "authority", "task", "task_type", "complexity", "time_basis", "assistance"),
    *("assignment", "origin", "outcome", "work", "audience", "arm", "study", "stratum", "programme"),
    *("cluster", "cluster_kind"),
)
NUMBERS: Final = (
    *("row", "revision", "started_ms", "completed_ms", "active_ms", "review_ms", "rework_ms"),
    *("predicted_without_ai_ms", "predicted_with_ai_ms"),
)

TASKS: Final = pa.schema([*((name, pa.int64()) for name in NUMBERS), *((name, pa.string()) for name in TEXT)])
"""Accepted task states, one a row: `row` is the index of the record in its batch; null where a field is absent."""
