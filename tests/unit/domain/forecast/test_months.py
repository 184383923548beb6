from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from services.domain.forecast.months import beginning_of, mature_before, month_of

moments = st.integers(86_400, 6_900_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(moments)
def test_a_moment_is_between_the_beginnings_of_its_month_and_the_next(moment: datetime) -> None:
    month = month_of(moment)
    assert beginning_of(month) <= moment < beginning_of(month + 1)


@given(moments.filter(lambda moment: moment.year > 1970))
def test_mature_months_ended_ninety_days_ago_and_the_next_did_not(now: datetime) -> None:
    first = mature_before(now)
    assert beginning_of(first) <= now - timedelta(days=90) < beginning_of(first + 1)


def test_months_are_of_utc() -> None:
    assert month_of(datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == 12 * 55 + 11
