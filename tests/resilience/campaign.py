"""A burst of greetings on a running mesh, broken in one place, and what must be true afterwards."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen
from uuid import UUID

from psycopg import Connection

from backing import server
from backing.mesh import Mesh
from backing.replica import Replica
from invariants import Facts, connect, read, violations
from occasions.identity import message_id

#: What makes seconds of what takes minutes in earnest; each bound keeps its order (acknowledgement < transaction < lease).
SETTINGS = {
    "*": {
        "KAFKA_SESSION_TIMEOUT_SECONDS": "2",
        "KAFKA_ACKNOWLEDGEMENT_TIMEOUT_SECONDS": "4",
        "DATABASE_IDLE_IN_TRANSACTION_SECONDS": "8",
        "SHUTDOWN_GRACE_SECONDS": "6",
    },
    "notifier-service": {
        "REBALANCE_SECONDS": "1",
        "LEASE_SECONDS": "8.5",
        "BATCH_RECORDS": "40",
        "SLICE_RECORDS": "20",
        "FIRST_BACKOFF_SECONDS": "1",
    },
    "dispatcher-service": {"CALL_TIMEOUT_SECONDS": "3", "CALL_MINIMUM_SECONDS": "1", "CONNECT_TIMEOUT_SECONDS": "0.5"},
    "scheduler-service": {
        "EMIT_BATCH_MESSAGES": "40",
        "CRON_RECOVERY_SCHEDULE": "* * * * *",
        "OUTCOME_PATIENCE_SECONDS": "60",
        "ANSWER_PATIENCE_SECONDS": "5",
        "JOB_LEASE_SECONDS": "6",
    },
    "gateway": {"RATE_LIMIT_PER_MINUTE": "0"},
}
LEASE_SECONDS = 8.5
BACKOFF_SECONDS = 1.0
#: *recover* makes up for a lost record after this time: later than a kill is judged, which is to lose none.
OUTCOME_PATIENCE_SECONDS = float(SETTINGS["scheduler-service"]["OUTCOME_PATIENCE_SECONDS"])
PROVIDER_BACK_SECONDS = REST_SECONDS = 60.0

_RECIPIENTS = """
INSERT INTO recipients (user_id, epoch, version, email, first_name, last_name, locale, timezone, leap_day_rule, suppressed, deleted, erased)
SELECT id, 1, 1, id || '@example.org', 'Ada', 'Lovelace', 'en', 'Etc/UTC', 'FEB_28', '{}', false, false FROM unnest(%s::uuid[]) AS u(id)
"""
_OCCASIONS = """
INSERT INTO occasions (user_id, kind, zone, month, day, year, leap_day_rule, known_at, active)
SELECT id, 'birthday', 'Etc/UTC', %s, %s, 1990, 'FEB_28', '2020-01-01Z', true FROM unnest(%s::uuid[]) AS u(id)
"""
_MESSAGES = """
INSERT INTO messages (id, local_date, user_id, kind, state, due_at, send_at, late_until_at, expires_at, timezone, tzdata_version, zone_rule)
SELECT id, %(day)s, user_id, 'birthday', 'SCHEDULED', at, at, at + interval '1 hour', at + interval '2 days', 'Etc/UTC', '2026f', 'EXACT'
FROM unnest(%(ids)s::uuid[], %(users)s::uuid[], %(instants)s::timestamptz[]) AS u(id, user_id, at)
"""
_UNFINISHED = """
SELECT (SELECT count(*) FROM messages
        WHERE (state IN ('SCHEDULED', 'QUEUED', 'RETRYING') AND due_at <= clock_timestamp()) OR asked_revision > 0)
     + (SELECT count(*) FROM unnest(%s::uuid[]) AS u(id) WHERE NOT EXISTS (SELECT FROM messages m WHERE m.id = u.id))
"""


@dataclass
class Result:
    """How a burst ended."""

    facts: Facts
    violations: list[str]
    #: From the due instant until nothing was left to do.
    seconds: float
    #: Calls that the provider accepted under a key it knew already.
    repeats: int

    def __str__(self) -> str:
        return f"{len(self.facts.expected)} greetings done after {self.seconds:.1f} s, {self.repeats} repeats under their keys"


class Campaign:
    """One mesh, used for burst after burst."""

    def __init__(self, mesh: Mesh, seed: str) -> None:
        self.mesh = mesh
        self.random = random.Random(seed)

    def plan(self, number: int, *, due_in: float) -> tuple[list[UUID], datetime]:
        """Plan that many birthdays, due together in so many seconds, straight into the scheduler's tables."""
        due_at = self.plan_over(0, number, due_in=due_in)
        return list(due_at), min(due_at.values())

    def plan_over(self, seconds: float, number: int, *, due_in: float) -> dict[UUID, datetime]:
        """The same, but they come due one after the other over so many seconds; return when each does."""
        at = datetime.now(UTC) + timedelta(seconds=due_in)
        instants = [at + timedelta(seconds=seconds * turn / number) for turn in range(number)]
        with connect(self.mesh, "scheduler") as plan, plan.transaction():
            users = self._add_people(plan, number, at.date())
            ids = [message_id(user, "birthday", at.date()) for user in users]
            plan.execute(_MESSAGES, {"day": at.date(), "ids": ids, "users": users, "instants": instants})
        return dict(zip(ids, instants, strict=True))

    def add_people(self, number: int, birthday: date) -> list[UUID]:
        """Let the scheduler know that many people, and plan nothing; return the ids of the messages that are to be planned."""
        with connect(self.mesh, "scheduler") as plan, plan.transaction():
            return [message_id(user, "birthday", birthday) for user in self._add_people(plan, number, birthday)]

    def settle(self, ids: Sequence[UUID], at: datetime, *, within: float) -> Result:
        """From the due instant on wait until these are planned and nothing is left to do, at most `within` seconds, then judge."""
        time.sleep(max(at.timestamp() - time.time(), 0))
        self._come_to_rest(ids, at.timestamp() + within)
        seconds = time.time() - at.timestamp()
        facts = read(self.mesh, self.get(f"{self.mesh.provider_url}/received"), ids)
        repeats = json.loads(self.get(f"{self.mesh.provider_url}/stats"))["repeats"]
        return Result(facts, violations(facts), seconds, repeats)

    def clear(self) -> None:
        """Forget the burst everywhere, so that the next is judged alone; what has failed is given time to come to rest."""
        self._come_to_rest([], time.time() + REST_SECONDS)
        with connect(self.mesh, "scheduler") as plan:
            plan.execute("DELETE FROM messages")
            plan.execute("DELETE FROM occasions")
            plan.execute("DELETE FROM recipients")
        with connect(self.mesh, "notifier") as ledger:
            for table in ("deliveries", "attempts", "dead_letters"):
                ledger.execute(f"DELETE FROM {table}")
        self.post(f"{self.mesh.provider_url}/reset")

    def draw_people(self, number: int) -> list[UUID]:
        return [UUID(int=self.random.getrandbits(128), version=4) for _ in range(number)]

    def _add_people(self, plan: Connection[Any], number: int, birthday: date) -> list[UUID]:
        users = self.draw_people(number)
        plan.execute(_RECIPIENTS, [users])
        plan.execute(_OCCASIONS, [birthday.month, birthday.day, users])
        return users

    def _come_to_rest(self, ids: Sequence[UUID], until: float) -> None:
        while self._unfinished(ids) and time.time() < until:
            time.sleep(0.2)

    def _unfinished(self, ids: Sequence[UUID]) -> int:
        with connect(self.mesh, "scheduler") as plan:
            row = plan.execute(_UNFINISHED, [list(ids)]).fetchone()
        return row[0] if row else 0

    @contextmanager
    def armed(self, replica: Replica, seam: str, action: str) -> Iterator[None]:
        """Within the block that replica runs with a failpoint that acts once."""
        clean = dict(replica.process.environment)
        replica.process.environment = {**clean, "FAILPOINTS": json.dumps({seam: action})}
        server.restart(replica)
        try:
            yield
        finally:
            replica.process.environment = clean
            if action.startswith("pause") or not taken(replica, seam):  # Else it is spent, or has died with its process.
                server.restart(replica)

    @contextmanager
    def changed(self, service: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]) -> Iterator[None]:
        """Within the block all replicas of the service run with these changes of their environment; afterwards without."""
        replicas = self.mesh.replicas[service]
        clean = [dict(replica.process.environment) for replica in replicas]
        self._run_with(replicas, [{**environment, **change(environment)} for environment in clean])
        try:
            yield
        finally:
            self._run_with(replicas, clean)

    def _run_with(self, replicas: Sequence[Replica], environments: Sequence[Mapping[str, str]]) -> None:
        server.stop(*replicas)
        for replica, environment in zip(replicas, environments, strict=True):
            replica.process.environment = environment
        server.start(*replicas)

    def behave(self, **behaviour: Any) -> None:
        """Change how the provider behaves."""
        self.post(f"{self.mesh.provider_url}/control", behaviour)

    def get(self, url: str) -> bytes:
        """What is there; a provider that refuses connections is waited for."""
        until = time.monotonic() + PROVIDER_BACK_SECONDS
        while True:
            try:
                with urlopen(url, timeout=30) as response:
                    return bytes(response.read())
            except URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def post(self, url: str, body: object = None, method: str = "POST") -> Any:
        request = Request(url, json.dumps(body or {}).encode(), {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")


def wait_until(condition: Callable[[], bool], within: float, what: str) -> None:
    """Raises AssertionError if the condition does not become true in time."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(0.05)


def taken(replica: Replica, seam: str) -> bool:
    """Whether the replica's log says that its failpoint acted."""
    log = replica.process.log.read_text(errors="replace") if replica.process.log.exists() else ""
    return any("failpoint.taken" in line and seam in line for line in log.splitlines())
