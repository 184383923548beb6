"""A seal: the checkpoint of a chain of records, made to be kept elsewhere. It holds digests, numbers and names of topics only."""

from typing import Annotated, Final, Literal

import msgspec
from pydantic import Field

from contracts.fields import Closed, Count, PositiveCount, Sha256

SEALED_TYPE: Final = "dk.frigjort.records.sealed.v1"


class Seal(Closed):
    """The data of a seal: the chain h_i = SHA256(h_(i-1) leaf_i) at `last_offset`, h before the first being 32 zero bytes.

    The registry's events stand under log 0, with their generation as the offset.
    """

    log_no: Annotated[Count, Field(description="Incarnation of the Kafka log; 0: the registry")]
    topic: str
    partition: Count
    last_offset: Count
    chain: Annotated[Sha256, Field(description="h at last_offset")]
    records: Annotated[PositiveCount, Field(description="How many leaves are in the chain")]
    closed_at_ms: Annotated[
        int, Field(description="End of the hour of broker time that the newest of them is of, epoch milliseconds")
    ]


class RecordsSealed(Closed):
    """A checkpoint of the records up to an offset: whoever keeps it can show later that none of them was changed."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/frigjort/sealer"]
    type: Literal["dk.frigjort.records.sealed.v1"]
    subject: str
    datacontenttype: Literal["application/json"]
    dataschema: Literal["urn:frigjort:schema:dk.frigjort.records.sealed.v1"]
    data: Seal


def sealed(place: tuple[int, str, int], last_offset: int, chain: bytes, records: int, closed_ms: int) -> bytes:
    """The event of a checkpoint of (log number, topic, partition); `closed_ms` is epoch milliseconds. The same bytes whoever
    made it, and when: a checkpoint follows from its records."""
    subject = "/".join(map(str, place))
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{subject}/{last_offset}/{chain.hex()}",
            "source": "/frigjort/sealer",
            "type": SEALED_TYPE,
            "subject": subject,
            "datacontenttype": "application/json",
            "dataschema": f"urn:frigjort:schema:{SEALED_TYPE}",
            "data": {
                "log_no": place[0],
                "topic": place[1],
                "partition": place[2],
                "last_offset": last_offset,
                "chain": chain.hex(),
                "records": records,
                "closed_at_ms": closed_ms,
            },
        }
    )
