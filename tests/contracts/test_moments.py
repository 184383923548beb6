"""Moments are whole milliseconds since 1970, and nothing is lost between the two."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.events import epoch_ms, moment_at


@given(st.integers(0, 253_402_300_799_999))
def test_a_moment_is_its_milliseconds_exactly(ms: int) -> None:
    """To the end of the year 9999."""
    moment = moment_at(ms)
    assert moment.utcoffset() == timedelta(0)
    assert (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == ms
    assert epoch_ms(moment) == ms
