"""Copies of checkpoints as the contract's events, and a file of them."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.seals import RecordsSealed, sealed
from services.domain.chain import Checkpoint
from services.runtime.errors import Misconfigured, Retry


def event_of(checkpoint: Checkpoint) -> bytes:
    """The event of a checkpoint: the same bytes every time."""
    return sealed(checkpoint.place, checkpoint.last_offset, checkpoint.chain, checkpoint.records, checkpoint.closed_ms)


def checkpoint_of(event: bytes) -> Checkpoint:
    """The checkpoint of an event. Raises `ValueError` where it is none."""
    data = RecordsSealed.model_validate_json(event).data
    chain = bytes.fromhex(data.chain)
    return Checkpoint(data.log_no, data.topic, data.partition, data.last_offset, chain, data.records, data.closed_at_ms)


def checkpoints_of(where: str, events: Iterable[bytes]) -> Iterator[Checkpoint]:
    """The checkpoints of the events that were found somewhere. Raises `Misconfigured` for one that is none."""
    for number, event in enumerate(events, start=1):
        try:
            yield checkpoint_of(event)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]["msg"]
            raise Misconfigured(where, f"number {number} is no checkpoint ({fault}): find out who wrote it") from error


@dataclass(frozen=True, slots=True)
class FileCopies:
    """A file of JSON lines that is only added to."""

    path: Path

    def keep(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Adds them, and returns when they are on disk. Raises `Retry`."""
        try:
            with self.path.open("ab") as file:
                file.writelines(event_of(checkpoint) + b"\n" for checkpoint in checkpoints)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Retry(str(self.path), str(error)) from error

    def read(self) -> list[Checkpoint]:
        """All that are in it. Raises `Misconfigured` for a line that holds none."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise Misconfigured(str(self.path), f"cannot be read: {error}") from error
        return list(checkpoints_of(str(self.path), (line for line in lines if line.strip())))
