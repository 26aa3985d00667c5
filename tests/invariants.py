"""What must be true of any run, whatever broke meanwhile: read from the plan, the ledger and the provider's own log.

Used by the resilience tests, the demo and the benchmark. `read` takes the facts, `violations` judges them and reads nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import class_row, scalar_row

from backing.mesh import Mesh

FINAL = frozenset({"SENT", "FAILED", "CANCELLED", "EXPIRED", "SUPPRESSED", "UNCERTAIN"})
#: Ends in which the provider may hold a greeting; in all others it holds none.
MAYBE_SENT = frozenset({"SENT", "UNCERTAIN"})
WITHDRAWN = frozenset({"CANCELLED", "SUPPRESSED"})
#: A cancel that comes while a call is under way comes too late, as does the end of the day; a call lasts no longer than this.
CALL_WINDOW = timedelta(seconds=12)
NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Planned:
    """A message as the plan holds it."""

    id: UUID
    user_id: UUID
    kind: str
    state: str
    due_at: datetime
    late_until_at: datetime
    expires_at: datetime
    variant: str
    reason: str
    asked_revision: int
    #: It may have been sent before, or nobody knows, and so keeps its text beyond its day.
    unsure: bool = True


@dataclass(frozen=True)
class Entry:
    """A delivery as the ledger holds it."""

    id: UUID
    state: str
    reason: str
    variant: str


@dataclass(frozen=True)
class Letter:
    """What the provider took in under one key. `greetings`: how many a person got; `calls`: how many it answered."""

    key: UUID
    greetings: int
    calls: int
    accepted_at: datetime
    email: str = ""


@dataclass(frozen=True)
class Owed:
    """What somebody is owed, reckoned apart from the services. `due_at` is None where it was withdrawn in time."""

    due_at: datetime | None
    email: str


@dataclass
class Facts:
    """One moment of a run that is at rest."""

    plan: Mapping[UUID, Planned]
    ledger: Mapping[UUID, Entry]
    letters: Mapping[UUID, Letter]
    #: Reasons of the dead letters by message.
    dead: Mapping[UUID, str] = field(default_factory=dict)
    expected: Collection[UUID] = ()
    read_at: datetime = NEVER
    #: Everything that anybody is owed; empty: not reckoned.
    owed: Mapping[UUID, Owed] = field(default_factory=dict)
    #: When somebody took it back, by the messages of which that is known: it may have come too late, but no later than a call lasts.
    withdrawn_at: Mapping[UUID, datetime] = field(default_factory=dict)


def violations(facts: Facts) -> list[str]:
    """Every broken promise as a sentence; empty if all hold."""
    return [
        *_lost(facts),
        *_doubled(facts),
        *_at_a_wrong_time(facts),
        *_after_its_cancel(facts),
        *_disagreeing(facts),
        *_ledger_disagreeing(facts),
        *_without_reason(facts),
        *_unanswered(facts),
        *_not_as_owed(facts),
    ]


def _lost(facts: Facts) -> Iterator[str]:
    for missing in {*facts.expected, *facts.owed} - facts.plan.keys():
        yield f"{missing} was never planned"
    for message in facts.plan.values():
        if message.state not in FINAL and message.due_at <= facts.read_at:
            yield f"{message.id} came due and is still {message.state}"


def _doubled(facts: Facts) -> Iterator[str]:
    for letter in facts.letters.values():
        if letter.greetings > 1:
            yield f"{letter.key} was greeted {letter.greetings} times under one key"
    of_year: defaultdict[tuple[UUID, str, str], list[UUID]] = defaultdict(list)
    for message in facts.plan.values():
        if message.id in facts.letters:
            of_year[message.user_id, message.kind, str(message.id)[:4]].append(message.id)
    for (user, kind, year), ids in of_year.items():
        if len(ids) > 1:
            yield f"user {user} got {len(ids)} {kind} greetings in {year}"


def _at_a_wrong_time(facts: Facts) -> Iterator[str]:
    for letter in facts.letters.values():
        message = facts.plan.get(letter.key)
        if message is None:
            yield f"{letter.key} was sent and is in no plan"
            continue
        if letter.accepted_at < message.due_at:
            yield f"{letter.key} came {message.due_at - letter.accepted_at} early"
        if letter.accepted_at > message.expires_at:
            yield f"{letter.key} came {letter.accepted_at - message.expires_at} after its budget"
        if message.variant == "belated" and letter.accepted_at < message.late_until_at:
            yield f"{letter.key} was called belated on its day"
        if message.variant == "on_the_day" and not message.unsure and letter.accepted_at > message.late_until_at + CALL_WINDOW:
            yield f"{letter.key} came {letter.accepted_at - message.late_until_at} after its day with the text of the day"


def _after_its_cancel(facts: Facts) -> Iterator[str]:
    for key, withdrawn_at in facts.withdrawn_at.items():
        letter = facts.letters.get(key)
        if letter and letter.accepted_at > withdrawn_at + CALL_WINDOW:
            yield f"{key} was sent {letter.accepted_at - withdrawn_at} after it was withdrawn"


def _ledger_disagreeing(facts: Facts) -> Iterator[str]:
    """The provider's set is the ledger's."""
    for key in facts.letters:
        if (entry := facts.ledger.get(key)) is None or entry.state not in MAYBE_SENT:
            yield f"{key} was taken in by the provider, and the ledger has it as {entry and entry.state}"
    for entry in facts.ledger.values():
        if entry.state == "SENT" and entry.id not in facts.letters:
            yield f"{entry.id} is SENT in the ledger, and the provider never got it"


def _disagreeing(facts: Facts) -> Iterator[str]:
    for message in facts.plan.values():
        if message.state in FINAL - MAYBE_SENT and message.id in facts.letters:
            yield f"{message.id} is {message.state}, and the provider took it in"
        if message.state == "SENT" and message.id not in facts.letters:
            yield f"{message.id} is SENT, and the provider never got it"
        if message.state == "SENT" and (entry := facts.ledger.get(message.id)) is None:
            yield f"{message.id} is SENT, and the ledger does not know it"
        elif message.state == "SENT" and entry and entry.state != "SENT":
            yield f"{message.id} is SENT in the plan and {entry.state} in the ledger"
    for entry in facts.ledger.values():
        if entry.state == "SENT" and facts.plan.keys() and (planned := facts.plan.get(entry.id)) and planned.state != "SENT":
            yield f"{entry.id} is SENT in the ledger and {planned.state} in the plan"


def _without_reason(facts: Facts) -> Iterator[str]:
    for message in facts.plan.values():
        if message.state in FINAL - {"SENT"} and not message.reason:
            yield f"{message.id} is {message.state} without a reason"
        if message.state == "FAILED" and message.id not in facts.dead:
            yield f"{message.id} is FAILED and no dead letter"
    for message_id, reason in facts.dead.items():
        if not reason:
            yield f"dead letter {message_id} has no reason"


def _unanswered(facts: Facts) -> Iterator[str]:
    for message in facts.plan.values():
        if message.asked_revision:
            yield f"{message.id} has a question open about revision {message.asked_revision}"
    for entry in facts.ledger.values():
        if entry.state in ("CLAIMED", "RELEASED"):
            yield f"{entry.id} is {entry.state} in the ledger, and nobody works on it"


def _not_as_owed(facts: Facts) -> Iterator[str]:
    if not facts.owed:
        return
    for key, owed in facts.owed.items():
        message, letter = facts.plan.get(key), facts.letters.get(key)
        yield from (
            _given_all_the_same(key, message, letter) if owed.due_at is None else _not_given(key, owed.due_at, message, letter, facts)
        )
        if letter and letter.email != owed.email:
            yield f"{key} went to {letter.email}"
    come = {message.id for message in facts.plan.values() if message.due_at <= facts.read_at}
    for stray in (come | facts.letters.keys()) - facts.owed.keys():
        yield f"nobody is owed {stray}"


def _given_all_the_same(key: UUID, message: Planned | None, letter: Letter | None) -> Iterator[str]:
    if message and message.state not in WITHDRAWN:
        yield f"{key} was withdrawn and is {message.state}"
    if letter:
        yield f"{key} was withdrawn and sent all the same"


def _not_given(key: UUID, due_at: datetime, message: Planned | None, letter: Letter | None, facts: Facts) -> Iterator[str]:
    if message and message.due_at != due_at:
        yield f"{key} was planned for {message.due_at}, not {due_at}"
    if not letter and due_at <= facts.read_at:
        yield f"{key} was never received"


_PLAN = """
SELECT id, user_id, kind, state, due_at, late_until_at, expires_at, variant, reason, asked_revision, unsure FROM messages
"""


def read(mesh: Mesh, received: bytes, expected: Collection[UUID] = (), owed: Mapping[UUID, Owed] | None = None) -> Facts:
    """Read a mesh at rest; `received` is the provider's answer to GET /received."""
    letters = [_letter(letter) for letter in orjson.loads(received)["received"]]
    with connect(mesh, "scheduler") as plan, connect(mesh, "notifier") as ledger:
        planned = plan.cursor(row_factory=class_row(Planned)).execute(_PLAN).fetchall()
        now = plan.cursor(row_factory=scalar_row).execute("SELECT clock_timestamp()").fetchone()
        entries = ledger.cursor(row_factory=class_row(Entry)).execute("SELECT id, state, reason, variant FROM deliveries").fetchall()
        dead = dict(ledger.execute("SELECT id, reason FROM dead_letters").fetchall())
    return Facts(
        {message.id: message for message in planned},
        {entry.id: entry for entry in entries},
        {letter.key: letter for letter in letters if letter.greetings},
        dead,
        expected,
        now or NEVER,
        owed or {},
    )


def connect(mesh: Mesh, schema: str) -> psycopg.Connection[Any]:
    """A connection to one service's schema, as its role."""
    return psycopg.connect(mesh.addresses().database_url(schema), autocommit=True)


def _letter(letter: Mapping[str, Any]) -> Letter:
    accepted = datetime.fromtimestamp(letter["accepted_at"][0], UTC) if letter["accepted_at"] else NEVER
    return Letter(UUID(letter["key"]), letter["greetings"], letter["calls"], accepted, letter["email"])
