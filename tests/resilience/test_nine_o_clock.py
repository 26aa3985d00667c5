"""People of far apart zones are created through REST; what the scheduler plans is reckoned once more here, without its calendar."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from invariants import Owed, violations
from occasions.identity import message_id
from resilience.campaign import Campaign
from resilience.changes import create, new_address

#: Nine o'clock is on the UTC day before in the first three, and as far on as can be in the last.
ZONES = (
    "Pacific/Kiritimati",
    "Pacific/Chatham",
    "Australia/Sydney",
    "Asia/Kathmandu",
    "Europe/London",
    "America/St_Johns",
    "Pacific/Pago_Pago",
)


@pytest.mark.slow
def test_tomorrow_is_planned_for_nine_where_each_person_is(campaign: Campaign) -> None:
    owed = dict(_create(campaign, zone) for zone in ZONES)
    facts = campaign.settle(list(owed), datetime.now(UTC), within=30).facts
    assert violations(replace(facts, owed=owed)) == []
    assert facts.plan.keys() == owed.keys()


def _create(campaign: Campaign, zone: str) -> tuple[UUID, Owed]:
    tomorrow = datetime.now(ZoneInfo(zone)).date() + timedelta(days=1)
    email = new_address(campaign)
    user = create(campaign, zone, tomorrow, email)
    return message_id(UUID(user), "birthday", tomorrow), Owed(datetime.combine(tomorrow, time(9), ZoneInfo(zone)), email)
