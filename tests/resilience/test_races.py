"""People change while their greeting is under way; many schedulers and notifiers work at once. Nobody is greeted twice."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from urllib.error import HTTPError

import pytest

from e2e.sky import Sky
from invariants import connect, violations
from resilience.campaign import Campaign, taken, wait_until
from resilience.changes import create, new_address, place_past, users_url

CROWD, GREETINGS = 8, 400
PLANNERS, PLANNED = 50, 40
EACH = 3
#: From the first record that is held up to the last cancel of nine people who are changed meanwhile, on a busy machine.
OVERTAKEN_WITHIN_SECONDS = 10
Change = Callable[[Campaign, str], None]


def late_for_their_greeting(campaign: Campaign) -> str:
    """Create somebody whose time is just past, and who is therefore greeted at once; return their id."""
    place = place_past()
    return create(campaign, place.timezone, place.today, new_address(campaign))


def address(campaign: Campaign, user: str) -> None:
    campaign.post(users_url(campaign, user), {"email": new_address(campaign)}, "PATCH")


def removal(campaign: Campaign, user: str) -> None:
    campaign.post(users_url(campaign, user), None, "DELETE")


def zone(campaign: Campaign, user: str) -> None:
    ahead, _ = Sky({"birthday": time(9)}).both_on_one_date("birthday")
    campaign.post(users_url(campaign, user), {"timezone": ahead.timezone}, "PATCH")


#: How it may end, by who was faster; who is removed before the scheduler has heard of them has no message at all.
ENDS: dict[Change, set[str | None]] = {address: {"SENT"}, removal: {"SENT", "CANCELLED", None}, zone: {"SENT", "SCHEDULED"}}


#: Where nobody has claimed it yet, the change is faster.
ENDS_BEFORE_THE_CLAIM: dict[Change, set[str | None]] = {address: {"SENT"}, removal: {"CANCELLED", None}, zone: {"SCHEDULED"}}


@contextmanager
def held_up(campaign: Campaign, service: str, seam: str, seconds: int) -> Iterator[None]:
    """All replicas of the service rest for a while whenever they come to the seam."""
    for replica in campaign.mesh.replicas[service]:
        replica.process.log.unlink(missing_ok=True)
    with campaign.changed(service, lambda _: {"FAILPOINTS": json.dumps({seam: f"sleep:{seconds}"})}):
        yield


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("service", "seam"),
    [
        ("scheduler-service", "scheduler.emit.after_claim"),
        ("scheduler-service", "scheduler.emit.after_produce"),
        ("dispatcher-service", "dispatcher.before_send"),
        ("scheduler-service", "scheduler.outcome.before_apply"),
    ],
)
def test_a_change_meets_the_greeting_on_its_way(campaign: Campaign, service: str, seam: str) -> None:
    meet(campaign, service, seam, 2, ENDS)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_change_overtakes_a_greeting_that_nobody_has_claimed(campaign: Campaign) -> None:
    meet(campaign, "notifier-service", "notifier.after_consume", OVERTAKEN_WITHIN_SECONDS, ENDS_BEFORE_THE_CLAIM)


def meet(campaign: Campaign, service: str, seam: str, seconds: int, ends: Mapping[Change, Collection[str | None]]) -> None:
    """Change people whose greeting rests at the seam, and judge how it ended."""
    with held_up(campaign, service, seam, seconds):
        changes: dict[str, Change] = {late_for_their_greeting(campaign): change for change in (address, removal, zone) for _ in range(EACH)}
        wait_until(lambda: any(taken(replica, seam) for replica in campaign.mesh.replicas[service]), 60, f"{seam} was never reached")
        changed_at = {}
        for user, change in changes.items():
            change(campaign, user)
            changed_at[user] = datetime.now(UTC)
        wait_until(lambda: have_come(campaign, changes), 60, "the plan to hear of all changes")
        result = campaign.settle([], datetime.now(UTC), within=150)
    messages = [message for message in result.facts.plan.values() if str(message.user_id) in changes]
    plan = {str(message.user_id): message.state for message in messages}
    print(seam, Counter((change.__name__, plan.get(user)) for user, change in changes.items()), result)
    withdrawn_at = {message.id: changed_at[user] for message in messages if changes[user := str(message.user_id)] is removal}
    assert violations(replace(result.facts, withdrawn_at=withdrawn_at)) == []
    assert [(change.__name__, plan.get(user)) for user, change in changes.items() if plan.get(user) not in ends[change]] == []


def have_come(campaign: Campaign, changes: Collection[str]) -> bool:
    """Whether the scheduler knows each of these people's first change: what it heard later would meet the next scenario."""
    with connect(campaign.mesh, "scheduler") as plan:
        row = plan.execute("SELECT count(*) FROM recipients WHERE user_id = ANY(%s::uuid[]) AND version > 1", [list(changes)]).fetchone()
    return row is not None and row[0] == len(changes)


def is_reached(campaign: Campaign) -> bool:
    """Whether the jobs are answered: the scenario before may have ended with a restart of those who answer."""
    try:
        campaign.get(f"{campaign.mesh.url}/api/v1/jobs")
    except HTTPError:
        return False
    return True


def plan_at_once(campaign: Campaign, _: int) -> int:
    """Ask for a run of *plan*; the status of the answer."""
    try:
        campaign.post(f"{campaign.mesh.url}/api/v1/jobs/plan:run")
    except HTTPError as refused:
        return refused.code
    return HTTPStatus.OK


@pytest.mark.slow
def test_fifty_concurrent_plans_make_one_message_each(campaign: Campaign) -> None:
    ids = campaign.add_people(PLANNED, datetime.now(UTC).date() + timedelta(days=1))
    wait_until(partial(is_reached, campaign), 60, "the gateway to reach the scheduler again")
    with ThreadPoolExecutor(PLANNERS) as pool:
        answers = Counter(pool.map(partial(plan_at_once, campaign), range(PLANNERS)))
    print(answers)
    assert answers.keys() <= {HTTPStatus.OK, HTTPStatus.CONFLICT}
    assert answers[HTTPStatus.OK] >= 1
    plan = campaign.settle([], datetime.now(UTC), within=0).facts.plan
    assert {message.id: message.state for message in plan.values()} == dict.fromkeys(ids, "SCHEDULED")


def are_all_members(campaign: Campaign, group: str) -> bool:
    return campaign.mesh.kafka.members(group) == CROWD


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_eight_schedulers_and_eight_notifiers_send_once(campaign: Campaign) -> None:
    services = ("scheduler-service", "notifier-service")
    before = {service: len(campaign.mesh.replicas[service]) for service in services}
    try:
        for service in services:
            campaign.mesh.scale(service, CROWD)
        for group in ("notifier.due", "scheduler.message-outcome"):
            wait_until(partial(are_all_members, campaign, group), 60, f"eight members of {group}")
        ids, at = campaign.plan(GREETINGS, due_in=10)
        result = campaign.settle(ids, at, within=200)
    finally:
        for service, number in before.items():
            campaign.mesh.scale(service, number)
    print(result)
    assert result.violations == []
    assert len(result.facts.letters) == GREETINGS
    assert result.repeats == 0
