"""What the reference model takes and gives."""

from typing import Literal, NamedTuple

from tests.reference.documents import Headers


class LogRecord(NamedTuple):
    """A record of Kafka under the number of its log."""

    log_no: int
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Coordinate(NamedTuple):
    """Where a record stands."""

    log_no: int
    topic: str
    partition: int
    offset: int


class Traits(NamedTuple):
    """What a task state says of itself and nothing computes with, but for the first six; empty: absent."""

    time_basis: str
    assistance: str
    assignment: str
    arm: str
    origin: str
    outcome: str
    work: str
    audience: str
    programme: str
    study: str
    stratum: str
    cluster: str
    cluster_kind: str

    @property
    def role(self) -> str:
        """control or treated as it was drawn; without a draw treated with AI, and comparison without it."""
        if self.arm:
            return "control" if self.arm == "control" else "treated"
        return "comparison" if self.assistance == "none" else "treated"


class Disposition(NamedTuple):
    """What became of a record: accepted, a duplicate of the first record with its id, or rejected with a code."""

    kind: Literal["accepted", "duplicate", "rejected"]
    first: Coordinate | None = None
    code: str = ""


class Conflict(NamedTuple):
    """Another content than the first's under one id, or under one task, revision and kind. The first one has won."""

    kind: Literal["id", "revision"]
    other: Coordinate
    first: Coordinate
