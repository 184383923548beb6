"""Which rejected records a command is about. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from services.runtime.errors import Misconfigured


@dataclass(frozen=True, slots=True, order=True)
class Coordinate:
    """Where a record stands, written `log_no/topic/partition/offset`."""

    log_no: int
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.log_no}/{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The coordinate in words. Raises `Misconfigured`."""
        parts = text.split("/")
        numbers = [parts[0], *parts[2:]] if len(parts) == 4 else []
        if not numbers or not all(number.isascii() and number.isdigit() for number in numbers):
            raise Misconfigured(
                text, "not a coordinate: log_no/topic/partition/offset, as `frigjort rejected list` shows"
            )
        return cls(int(parts[0]), parts[1], int(parts[2]), int(parts[3]))


@dataclass(frozen=True, slots=True)
class Filters:
    """What a rejected record must fulfil; empty or `None`: anything. `since` is inclusive, `until` is not."""

    codes: Sequence[str] = ()
    topic: str = ""
    since: datetime | None = None
    until: datetime | None = None
    coordinate: Coordinate | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition on view `rejections` in SQL, and its parameters."""
        conditions = ["1"]
        parameters: dict[str, Any] = {}
        if self.codes:
            conditions.append("code IN {codes:Array(String)}")
            parameters["codes"] = sorted(self.codes)
        if self.topic:
            conditions.append("topic = {topic:String}")
            parameters["topic"] = self.topic
        for name, comparison, moment in (("since", ">=", self.since), ("until", "<", self.until)):
            if moment is not None:
                conditions.append(f"broker_time {comparison} fromUnixTimestamp64Milli({{{name}:Int64}}, 'UTC')")
                parameters[name] = int(moment.timestamp() * 1000)
        if self.coordinate is not None:
            place = self.coordinate
            conditions.append(
                "log_no = {at_log:UInt32} AND topic = {at_topic:String} AND partition = {at_partition:UInt16} "
                "AND offset = {at_offset:UInt64}"
            )
            parameters |= {
                "at_log": place.log_no,
                "at_topic": place.topic,
                "at_partition": place.partition,
                "at_offset": place.offset,
            }
        return " AND ".join(conditions), parameters
