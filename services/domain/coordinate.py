"""Where a record stands. Pure."""

from typing import NamedTuple, Self

from services.domain.accounts import Place


class Coordinate(NamedTuple):
    """The coordinate of a record, written `log_no/topic/partition/offset`."""

    log_no: int
    topic: str
    partition: int
    offset: int

    @property
    def place(self) -> Place:
        """The partition that it is of."""
        return self[:3]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The coordinate in words. Raises `ValueError`."""
        log_no, topic, partition, offset = text.split("/")
        if not all(number.isascii() and number.isdigit() for number in (log_no, partition, offset)):
            raise ValueError(text)
        return cls(int(log_no), topic, int(partition), int(offset))

    def __str__(self) -> str:
        return "/".join(map(str, self))
