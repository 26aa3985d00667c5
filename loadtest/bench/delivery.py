"""Delivery of due messages: the bare loop and the whole path, over the same provider and the same Postgres, one after the other."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from backing.mesh import DATABASE
from bench import crowd
from bench.meter import Cost, Meter
from bench.stage import Stage
from invariants import read, violations

#: From the last preparation to the due instant: all is at rest by then.
_LEAD_SECONDS = 4.0
_LOOK_SECONDS = 0.25
_LOOP_PROCESSES = 2

_LOOP_TABLE = """
DROP SCHEMA IF EXISTS bare CASCADE;
CREATE SCHEMA bare;
CREATE TABLE bare.greetings (
    id uuid PRIMARY KEY, email text NOT NULL, first_name text NOT NULL, last_name text NOT NULL, state text NOT NULL DEFAULT 'DUE',
    lease_until_at timestamptz, provider_message_id text NOT NULL DEFAULT '', sent_at timestamptz
) WITH (fillfactor = 60);
CREATE INDEX greetings_due ON bare.greetings (id) WHERE state <> 'SENT'
"""
_LOOP_ROWS = """
INSERT INTO bare.greetings (id, email, first_name, last_name)
SELECT gen_random_uuid(), 'person' || n || '@example.org', 'Ada', 'Lovelace ' || n FROM generate_series(1, %s) AS n
"""
_ENDED = "SELECT max(updated_at), max(sent_at), percentile_disc(0.5) WITHIN GROUP (ORDER BY sent_at) FROM messages WHERE state = 'SENT'"
# By two partial indexes: looking costs next to nothing.
_OPEN = """
SELECT EXISTS (SELECT FROM scheduler.messages WHERE state IN ('SCHEDULED', 'RETRYING') AND send_at <= %s)
    OR EXISTS (SELECT FROM scheduler.messages WHERE state = 'QUEUED')
"""


@dataclass
class LoopRun:
    """One run of the bare loop."""

    messages: int
    seconds: float
    cpu_per_1000: float
    postgres_cpu_per_1000: float

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds


@dataclass
class PathRun:
    """One run of the whole path. The clock runs from the due instant to the last SENT in the plan."""

    messages: int
    seconds: float
    median_sent_after_seconds: float
    last_sent_after_seconds: float
    cost: Cost
    violations: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_per_1000(self) -> float:
        return self.cost.own_cpu_seconds / self.messages * 1000


def run_loop(stage: Stage, messages: int) -> LoopRun:
    with stage.owner() as connection:
        connection.execute(_LOOP_TABLE)
        connection.execute(_LOOP_ROWS, [messages])
        connection.execute("CHECKPOINT")
    stage.post(f"{stage.mesh.provider_url}/reset")
    at = time.time() + _LEAD_SECONDS
    meter = Meter(stage.mesh)
    ended = [json.loads(output) for output in _in_parallel(stage, at)]
    postgres = meter.read().cpu_seconds["postgres"]
    if sum(each["sent"] for each in ended) != messages:
        raise AssertionError(f"the bare loop sent {[each['sent'] for each in ended]} of {messages}")
    cpu = sum(each["cpu_seconds"] for each in ended)
    return LoopRun(messages, max(each["seconds"] for each in ended), cpu / messages * 1000, postgres / messages * 1000)


def run_path(stage: Stage, messages: int, *, within_seconds: float) -> PathRun:
    """Raises AssertionError if it takes longer."""
    stage.clear()
    load_seconds = 5 + messages / 2_500  # on a machine that does other things as well
    due_at = datetime.now(UTC) + timedelta(seconds=load_seconds + _LEAD_SECONDS)
    with stage.scheduler() as connection:
        ids = crowd.invite(connection, messages, due_at)
    stage.nudge()
    with _measured(stage, due_at) as meter:
        _wait(stage, due_at, within_seconds)
        cost = meter.read()
    return _judge(stage, due_at, ids, cost)


@contextmanager
def _measured(stage: Stage, due_at: datetime) -> Iterator[Meter]:
    lead = due_at.timestamp() - time.time() - 1
    if lead < 0:
        raise AssertionError(f"loading took {-lead:.1f} s too long: the messages are due already")
    time.sleep(lead)
    yield Meter(stage.mesh)


def _wait(stage: Stage, due_at: datetime, within_seconds: float) -> None:
    end = due_at.timestamp() + within_seconds
    with stage.owner() as connection:  # whose statements are not counted
        while _is_open(connection, due_at):
            if time.time() > end:
                raise AssertionError(f"only {stage.letters()} were sent within {within_seconds:g} s")
            time.sleep(_LOOK_SECONDS)


def _is_open(connection: crowd.Connected, due_at: datetime) -> bool:
    row: Any = connection.execute(_OPEN, [due_at]).fetchone()
    return bool(row[0])


def _judge(stage: Stage, due_at: datetime, ids: Sequence[UUID], cost: Cost) -> PathRun:
    with stage.scheduler() as connection:
        row: Any = connection.execute(_ENDED).fetchone()
    settled, last, median = ((instant - due_at).total_seconds() for instant in row)
    broken = violations(read(stage.mesh, stage.received(), ids))
    return PathRun(len(ids), settled, median, last, cost, broken)


def _in_parallel(stage: Stage, at: float) -> list[str]:
    command = [sys.executable, "-m", "bench.loop", stage.mesh.postgres.url(database=DATABASE), stage.mesh.provider_url, str(at)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(_LOOP_PROCESSES)]
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise AssertionError("the bare loop failed")
    return outputs
