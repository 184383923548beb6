"""Reconciles Kafka with ClickHouse: asks both in the order that makes the comparison sound, and compares.

Collectors store first and commit then, and go on while this runs. So what was committed or deleted is asked before what is
stored, and the ends after it: a healthy installation never looks unwhole, at whatever moment it is asked.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from services.audit.reconciliation.logs import InputLogs
from services.domain.accounts import Known
from services.domain.conservation import Report, reconcile


class Store(Protocol):
    """What is needed of ClickHouse."""

    def known(self, only: Collection[str] | None = None) -> Known:
        """What is stored, of all topics or these. Raises `Retry` or `Halt`."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Reads the broker's offsets and ClickHouse, nothing else."""

    logs: InputLogs
    store: Store

    def run(self, only: Collection[str] | None = None) -> Report:
        """The report of all input topics, or of these. Raises `Retry` or `Halt`."""
        before = self.logs.before(only)
        known = self.store.known(only)
        return reconcile(self.logs.after(before), known)
