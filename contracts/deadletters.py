"""A dead letter: what was refused, where and why. Never a value, never a digest of one, never an identifier it held."""

from typing import Annotated, Literal

import msgspec
from pydantic import Field

from contracts import RULES
from contracts.codes import RejectionCode, Violation
from contracts.fields import Closed, Count

REJECTED_TYPE = "dk.frigjort.record.rejected.v1"


class Rejection(Closed):
    """The data of a dead letter: the coordinate of the refused record and the first rule that it broke."""

    log_no: Count
    topic: str
    partition: Count
    offset: Count
    broker_time_ms: Annotated[int, Field(description="The broker's timestamp, epoch milliseconds")]
    size_bytes: Annotated[Count, Field(description="Size of the record's value")]
    code: RejectionCode
    path: Annotated[str, Field(description="The field at fault; unknown names are *")]
    rules: Count


class RecordRejected(Closed):
    """The event on `frigjort.rejected.v1`."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/frigjort/collector"]
    type: Literal["dk.frigjort.record.rejected.v1"]
    subject: str
    datacontenttype: Literal["application/json"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.record.rejected.v1"]
    data: Rejection


def dead_letter(coordinate: str, broker_time_ms: int, size_bytes: int, violation: Violation) -> tuple[bytes, bytes]:
    """Key and value of the dead letter of a record at `coordinate` (log_no/topic/partition/offset).

    The same bytes on every retry: its id is the coordinate and the rules, its time the broker's.
    """
    log_no, topic, partition, offset = coordinate.split("/")
    value = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{coordinate}/{RULES}",
            "source": "/frigjort/collector",
            "type": REJECTED_TYPE,
            "subject": coordinate,
            "datacontenttype": "application/json",
            "dataschema": f"urn:frigjort:schema:{REJECTED_TYPE}",
            "data": {
                "log_no": int(log_no),
                "topic": topic,
                "partition": int(partition),
                "offset": int(offset),
                "broker_time_ms": broker_time_ms,
                "size_bytes": size_bytes,
                "code": violation.code.value,
                "path": violation.path,
                "rules": RULES,
            },
        }
    )
    return coordinate.encode(), value
