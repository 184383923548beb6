"""Which rejected records a command is about. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.domain.coordinate import Coordinate
from services.runtime.errors import Misconfigured


def coordinate_of(text: str) -> Coordinate:
    """The coordinate that somebody named. Raises `Misconfigured`."""
    try:
        return Coordinate.parse(text)
    except ValueError as error:
        remedy = "not a coordinate: log_no/topic/partition/offset, as `frigjort rejected list` and `audit verify` show"
        raise Misconfigured(text, remedy) from error


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
