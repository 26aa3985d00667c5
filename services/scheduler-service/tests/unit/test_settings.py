from datetime import time, timedelta
from pathlib import Path

import pytest

from scheduler_service.settings import Settings
from servicekit.settings import BadSettings, parse
from servicekit.settings_table import assert_readme_matches

NEEDED = {"DATABASE_URL": "postgresql://a:b@127.0.0.1/heyday", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092", "ENVIRONMENT": "test"}


def test_the_readme_shows_every_setting() -> None:
    assert_readme_matches(Path(__file__).parents[2] / "README.md", Settings)


def test_without_more_every_kind_is_sent_at_nine_with_budgets_of_a_day_and_48_hours() -> None:
    rules = parse(Settings, NEEDED).plan_rules
    assert list(rules.kinds) == ["anniversary", "birthday"]
    for kind in rules.kinds.values():
        assert (kind.send_time, kind.late, kind.belated, kind.sends_at_once) == (time(9), None, timedelta(hours=48), True)
    assert rules.horizon == timedelta(hours=48)


def test_maps_are_by_kind() -> None:
    settings = parse(
        Settings,
        NEEDED
        | {
            "SEND_TIMES": '{"birthday": "08:30"}',
            "LATE_MINUTES": '{"birthday": 90}',
            "BELATED_HOURS": '{"anniversary": 0}',
            "CREATED_ON_THE_DAY": '{"anniversary": "next_year"}',
            "ON_TIME_SECONDS": '{"birthday": 30}',
            "JOBS_ENABLED": '{"plan": false}',
        },
    )
    birthday, anniversary = settings.plan_rules.kinds["birthday"], settings.plan_rules.kinds["anniversary"]
    assert (birthday.send_time, birthday.late, birthday.belated) == (time(8, 30), timedelta(minutes=90), timedelta(hours=48))
    assert (anniversary.send_time, anniversary.belated, anniversary.sends_at_once) == (time(9), timedelta(), False)
    assert settings.on_time == {"anniversary": 60, "birthday": 30}
    assert settings.enabled_jobs == {"emit", "recover"}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SEND_TIMES", '{"nameday": "09:00"}', "the kinds are anniversary, birthday"),
        ("CRON_DAILY_SCHEDULE", "at midnight", "not a cron expression of five fields"),
        ("CRON_MINUTE_SCHEDULE", "61 * * * *", "not a cron expression of five fields"),
        ("SEND_TIMES", '{"birthday": "25:00"}', "SEND_TIMES"),
        ("CREATED_ON_THE_DAY", '{"birthday": "never"}', "CREATED_ON_THE_DAY"),
        ("BELATED_HOURS", '{"birthday": -1}', "BELATED_HOURS"),
        ("JOBS_ENABLED", '{"dance": true}', "JOBS_ENABLED"),
        ("PLAN_BATCH_SLOTS", "0", "PLAN_BATCH_SLOTS"),
    ],
)
def test_a_mistake_is_refused_with_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(BadSettings, match=sentence):
        parse(Settings, NEEDED | {name: value})
