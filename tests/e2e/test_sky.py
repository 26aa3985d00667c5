from datetime import UTC, datetime, time, timedelta

import pytest

from e2e.sky import STEADY, Sky, choose_time


@pytest.mark.parametrize("day", [datetime(2026, 11, 25, tzinfo=UTC), datetime(2027, 6, 30, tzinfo=UTC)])
@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("minute", [0, 29, 53])
def test_there_are_places_at_any_time_of_the_day(day: datetime, hour: int, minute: int) -> None:
    now = day + timedelta(hours=hour, minutes=minute)
    sky = Sky({"anniversary": choose_time(now)})
    ahead, past = sky.both_on_one_date("anniversary", now)
    assert past.due_at < now < ahead.due_at
    ahead, over = sky.ahead_and_over("anniversary", now + STEADY)
    assert ahead.today < over.today


def test_a_place_says_where_its_time_stands() -> None:
    now = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)
    sky = Sky({"birthday": time(9, 0)})
    assert sky.ahead("birthday", now).due_at > now + STEADY
    assert sky.past("birthday", now).due_at < now
