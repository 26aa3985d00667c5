"""What must be true when all is quiet again: the invariants of every test, and what each person was owed."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from heyday.user.v1.user_changed_pb2 import UserChanged
from invariants import Entry, Facts, Letter, Planned, violations
from occasions import zones
from occasions.identity import message_id
from scheduler_service.consumer.intake import USER_CHANGED
from scheduler_service.domain import GREETED_DAYS, Message, Moments, State
from simulation.broker import partitions
from simulation.world import BELATED, World
from user_service.domain import User

#: A greeting is owed if nothing of the person changed so long before its instant, and until it could be made up no more.
TOLD = timedelta(hours=2)
MADE_UP = BELATED + timedelta(days=2)
#: Ends of what was owed: sent, or not, for a reason that lies with the provider or another greeting of the year.
EXCUSED = frozenset({State.SENT, State.UNCERTAIN, State.FAILED})
MOST_EXCUSED = 0.05
GREETED = frozenset({State.SENT, State.UNCERTAIN})


@dataclass
class Verdict:
    """How a run ended; each violation names the message it is about, if it is about one."""

    violations: list[str] = field(default_factory=list)
    owed: int = 0


def judge(world: World, trouble_ended_at: datetime) -> Verdict:
    verdict = Verdict()
    owed = {identity: versions[-1] for versions in _versions(world).values() for identity in _owed(world, versions, trouble_ended_at)}
    verdict.owed = len(owed)
    verdict.violations += violations(_facts(world, trouble_ended_at))
    verdict.violations += _second_letters(world)
    verdict.violations += _too_near(world)
    verdict.violations += _before_the_hour(world)
    verdict.violations += _hardly_sent(world, owed)
    verdict.violations += _out_of_date(world)
    for identity, user in owed.items():
        verdict.violations += _unpaid(world, identity, user)
    verdict.violations += [defect.strip() for defect in world.defects]
    return verdict


def _facts(world: World, read_at: datetime) -> Facts:
    return Facts(
        {message.id: _planned(world, message) for message in world.plan.tables.messages.values()},
        {UUID(bytes=e.id): Entry(UUID(bytes=e.id), str(e.state), e.reason, e.variant) for e in world.post.ledger.entries.values()},
        {k: Letter(k, t.greetings, t.calls, t.accepted_at[0]) for k, t in world.provider.taken.items() if t.greetings},
        {UUID(bytes=key): letter.reason for key, letter in world.post.ledger.letters.items()},
        read_at=read_at,
    )


def _planned(world: World, message: Message) -> Planned:
    moments = _moments(world, message)
    return Planned(
        message.id,
        message.user_id,
        message.kind,
        str(message.state),
        moments.due_at,
        moments.late_until_at,
        moments.expires_at,
        message.variant,
        message.reason,
        message.asked_revision,
        message.unsure,
    )


def _moments(world: World, message: Message) -> Moments:
    """Those that were in force when the record was made that was sent: a move afterwards is no sin of the message."""
    taken = world.provider.taken.get(message.id)
    queued = world.story.queued(message.id, taken.accepted_at[0]) if taken else None
    return (queued or message).moments


def _second_letters(world: World) -> Iterator[str]:
    for key, taken in world.provider.taken.items():
        if taken.other_bodies:
            yield f"{key} was sent again with another text, under a key that the provider knew"


def _too_near(world: World) -> Iterator[str]:
    """No two greetings of a kind within GREETED_DAYS, over the turn of the year too."""
    greeted: defaultdict[tuple[UUID, str], list[Message]] = defaultdict(list)
    for key in world.provider.taken:
        if message := world.plan.tables.messages.get(key):
            greeted[message.user_id, message.kind].append(message)
    for messages in greeted.values():
        messages.sort(key=lambda message: message.local_date)
        for earlier, later in pairwise(messages):
            if (days := (later.local_date - earlier.local_date).days) < GREETED_DAYS:
                yield f"{later.id} was sent {days} days after {earlier.id}"


def _before_the_hour(world: World) -> Iterator[str]:
    """Nobody is greeted before the hour of the kind on the day: by the clock on the wall there, reckoned without our calendar."""
    kinds = world.plan.rules().kinds
    for key, taken in world.provider.taken.items():
        message = world.plan.tables.messages.get(key)
        if message is None or not taken.greetings:
            continue
        zone = _moments(world, message).timezone
        rules = zones.zone(zone)
        if rules.key != zone:  # a new tzdata has come for it meanwhile
            continue
        there = taken.accepted_at[0].astimezone(rules).replace(tzinfo=None)
        if there < datetime.combine(message.local_date, kinds[message.kind].send_time):
            yield f"{key} was greeted when it was {there:%Y-%m-%d %H:%M} in {zone}"


def _hardly_sent(world: World, owed: Collection[UUID]) -> Iterator[str]:
    """The provider's refusals excuse some: a run in which many end so shows nothing."""
    messages = world.plan.tables.messages
    excused = sum(1 for key in owed if (message := messages.get(key)) and message.state in EXCUSED - {State.SENT})
    if excused > max(5, MOST_EXCUSED * len(owed)):
        yield f"{excused} of {len(owed)} that were owed ended as FAILED or UNCERTAIN"


def _out_of_date(world: World) -> Iterator[str]:
    """Users whose last word in the topic, which compaction would keep, or in the plan is not their latest version."""
    logs = (world.broker.logs[partition] for partition in partitions(USER_CHANGED))
    last = {record.key: record.value for log in logs for record in log}
    for user in world.users.store.state.users.values():
        told = UserChanged.FromString(last[user.id.bytes]).user.version if user.id.bytes in last else 0
        known = world.plan.tables.recipients.get(user.id)
        if (told, known.version if known else 0) != (user.version, user.version):
            yield f"user {user.id} is at version {user.version}; the topic ends with {told}, and the plan has {known and known.version}"


def _versions(world: World) -> dict[UUID, list[User]]:
    """Everybody's history, as user-service has committed it."""
    found: defaultdict[UUID, list[User]] = defaultdict(list)
    for user in world.users.store.state.events:
        found[user.id].append(user)
    return found


def _owed(world: World, versions: Sequence[User], until: datetime) -> Iterator[UUID]:
    """The messages of dates round which nothing of the person changed."""
    ends = [later.updated_at for later in versions[1:]] + [datetime.max.replace(tzinfo=until.tzinfo)]
    for user, ends_at in zip(versions, ends, strict=True):
        since = max(user.updated_at, world.setup.begins_at) + TOLD
        yield from _owed_between(world, user, since, min(ends_at - MADE_UP, until))


def _owed_between(world: World, user: User, since: datetime, until: datetime) -> Iterator[UUID]:
    if user.deleted_at is not None:
        return
    profile = user.profile
    for kind, rules in world.plan.rules().kinds.items():
        source = rules.occasion.source(profile.dates)
        if source is None or kind in profile.suppressed_occasions:
            continue
        for year in range(since.year - 1, until.year + 2):
            day = rules.occasion.observed_on(source, year, profile.leap_day_rule)
            if day and since < rules.moments(profile.timezone, day).due_at < until:
                yield message_id(user.id, kind, day)


def _unpaid(world: World, identity: UUID, user: User) -> Iterator[str]:
    message = world.plan.tables.messages.get(identity)
    if message is not None and message.state in EXCUSED:
        return
    others = world.plan.tables.messages.where("user", user.id)
    if not any(_bars(other, identity, message) for other in others):
        stands = f"{message.state} ({message.reason})" if message else "not in the plan"
        yield f"{identity} was owed to somebody in {user.profile.timezone}, and is {stands}"


def _bars(other: Message, identity: UUID, message: Message | None) -> bool:
    day = datetime.strptime(identity.hex[:8], "%Y%m%d").date()  # noqa: DTZ007
    same_kind = message.kind == other.kind if message else message_id(other.user_id, other.kind, day) == identity
    near = other.local_date.year == day.year or abs((other.local_date - day).days) < GREETED_DAYS
    return same_kind and other.id != identity and near and other.state in GREETED
