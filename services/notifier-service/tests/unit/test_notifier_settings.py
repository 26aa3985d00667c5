from pathlib import Path

import pytest

from notifier_service.settings import Settings
from servicekit.settings import BadSettings, parse
from servicekit.settings_table import assert_readme_matches

NEEDED = {
    "DATABASE_URL": "postgresql://notifier@localhost/heyday",
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "REDIS_URL": "redis://localhost/0",
    "DISPATCHER_SERVICE_TARGET": "localhost:50054",
}


def test_the_readme_has_the_table_of_all_settings() -> None:
    assert_readme_matches(Path(__file__).parents[2] / "README.md", Settings)


def test_a_lease_that_a_rebalance_could_outlast_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"LEASE_SECONDS must be above 36: KAFKA_SESSION_TIMEOUT_SECONDS \+ REBALANCE_SECONDS \+ 5\."):
        parse(Settings, {**NEEDED, "KAFKA_SESSION_TIMEOUT_SECONDS": "21", "REBALANCE_SECONDS": "10"})


def test_all_broken_bounds_are_listed_together() -> None:
    with pytest.raises(BadSettings) as refused:
        parse(Settings, {**NEEDED, "LEASE_SECONDS": "12"})
    assert len(str(refused.value).split(". ")) == 2


@pytest.mark.parametrize(
    ("given", "holds"),
    [
        ({}, False),
        ({"PROVIDER_KIND": "smtp"}, True),
        ({"PROVIDER_KIND": "smtp", "ON_UNSURE": "retry"}, False),
        ({"ON_UNSURE": "hold"}, True),
    ],
)
def test_on_unsure_is_hold_for_smtp_unless_it_is_said(given: dict[str, str], holds: bool) -> None:
    assert parse(Settings, {**NEEDED, **given}).terms.holds_unsure is holds
