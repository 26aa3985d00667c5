"""The notifier as its bootstrap puts it together, over memory; its loops wait for records and parked times instead of polling."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import grpc.aio

from dispatcher_service.servicer import DispatcherServicer
from heyday.dispatcher.v1.dispatcher_service_pb2 import DispatchRequest
from notifier_service.adapters.dispatcher import result_of
from notifier_service.adapters.kafka import KafkaAnnouncer
from notifier_service.adapters.memory import MemoryLedger, MemorySentHints
from notifier_service.consumer.cancelled import take_cancelled
from notifier_service.consumer.desk import DueDesk
from notifier_service.consumer.due import HELD_BACKOFF
from notifier_service.consumer.parsing import parse_cancelled, parse_due
from notifier_service.domain import Due, Result, Terms
from notifier_service.ports import DispatchCut, DispatchRefused
from notifier_service.service import DeliveryService
from scheduler_service.adapters.due_topic import TOPIC as DUE_TOPIC
from scheduler_service.adapters.questions import TOPIC as CANCELLED_TOPIC
from scheduler_service.consumer.intake import MESSAGE_OUTCOME
from servicekit.errors import Unavailable
from servicekit.kafka import BatchConsumer, Partition, Sieve
from simulation.broker import Broker, Member
from simulation.chance import Chance, Faulty
from simulation.dispatcher import DispatcherServer
from simulation.processes import Process, until_dead
from simulation.scheduler import DUE_GROUP
from simulation.virtual import VirtualClock

CANCELLED_GROUP = "notifier.cancelled"
DEAD_LETTERS = "heyday.notifier.v1.dead-letter"
POISON = "heyday.notifier.v1.poison"
TERMS = Terms()
BATCHES_IN_FLIGHT = 4
MOST_RECORDS = 1000
PROBES = 10
LOOK_EVERY_SECONDS = 0.25


@dataclass
class Post:
    """What all replicas of the notifier share."""

    clock: VirtualClock
    chance: Chance
    ledger: MemoryLedger
    hints: MemorySentHints
    broker: Broker
    dispatcher: DispatcherServer


async def run(post: Post, process: Process, tasks: asyncio.TaskGroup) -> None:
    """One replica's loops."""
    desk = RipeningDesk(post.clock, MOST_RECORDS)
    service = DeliveryService(
        cast(MemoryLedger, Faulty(post.ledger, "ledger", post.chance)),
        post.hints,
        LocalDispatcher(post),
        KafkaAnnouncer(post.broker, MESSAGE_OUTCOME, DEAD_LETTERS),
        desk,
        clock=post.clock,
        terms=TERMS,
    )
    group = post.broker.group(DUE_GROUP, DUE_TOPIC)
    member = process.join(group, Member(group, revoked=desk.forget))
    works = Works(member, desk, service, tasks)
    tasks.create_task(works.read())
    tasks.create_task(works.look_again())
    tasks.create_task(works.retry_held())

    asked = post.broker.group(CANCELLED_GROUP, CANCELLED_TOPIC)
    sieve = Sieve(CANCELLED_GROUP, parse_cancelled, post.broker, POISON)
    cancelled = BatchConsumer(process.join(asked, Member(asked)), sieve, partial(take_cancelled, service), grace_seconds=0)
    await cancelled.start()
    tasks.create_task(until_dead(cancelled))


class RipeningDesk(DueDesk):
    """Tells when what is parked may be looked at again."""

    def __init__(self, clock: VirtualClock, most_parked: int) -> None:
        super().__init__(clock, most_parked)
        self.ripened = asyncio.Event()

    def later(self, dues: Sequence[Due], seconds: float) -> None:
        super().later(dues, seconds)
        if dues:
            self.look_in(seconds + 0.001)

    def look_in(self, seconds: float) -> None:
        asyncio.get_running_loop().call_later(seconds, self.ripened.set)

    def forget(self, partitions: frozenset[Partition]) -> None:  # type: ignore[override]
        self.set_aside(partitions)
        super().forget(partitions)


class Works:
    """The loops of DueConsumer."""

    def __init__(self, member: Member, desk: RipeningDesk, service: DeliveryService, tasks: asyncio.TaskGroup) -> None:
        self._member = member
        self._desk = desk
        self._service = service
        self._tasks = tasks
        self._slots = asyncio.Semaphore(BATCHES_IN_FLIGHT)

    async def read(self) -> None:
        async for batch in self._member.batches():
            await self._desk.takes_new.wait()
            await self._slots.acquire()
            ours = [received for received in batch if received.partition in self._member.assigned()]
            dues = self._desk.take(ours, [(received, parse_due(received.value)) for received in ours])
            self._tasks.create_task(self._work(dues))

    async def look_again(self) -> None:
        while True:
            await self._desk.ripened.wait()
            self._desk.ripened.clear()
            if dues := self._desk.ripe(MOST_RECORDS):
                await self._slots.acquire()
                self._tasks.create_task(self._work(dues))
                self._desk.look_in(LOOK_EVERY_SECONDS)  # another record of one of these ids may be ripe too

    async def retry_held(self) -> None:
        failures = 1
        while True:
            await self._desk.has_held.wait()
            await asyncio.sleep(HELD_BACKOFF.seconds(failures))
            await self._slots.acquire()
            probes = self._desk.unheld(PROBES)
            await self._work(probes)
            failures = failures + 1 if self._desk.holds_any(probes) else 1
            if failures == 1:
                while dues := self._desk.unheld(MOST_RECORDS):
                    await self._slots.acquire()
                    await self._work(dues)
                    if self._desk.holds_any(dues):
                        break
                self._desk.reopen()

    async def _work(self, dues: Sequence[Due]) -> None:
        try:
            await self._service.deliver(dues)
        finally:
            self._slots.release()
        if offsets := self._desk.committable():
            await self._member.commit(offsets)


class LocalDispatcher:
    """The notifier's Dispatcher port: the dispatcher's own edge without a network, but with a network's failures."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def dispatch(self, payloads: Sequence[bytes], timeout_seconds: float) -> AsyncIterator[Sequence[tuple[int, Result]]]:
        try:
            await self._post.chance.before("dispatch")
        except Unavailable:
            raise DispatchRefused from None
        servicer = self._post.dispatcher.servicer
        if servicer is None:
            raise DispatchRefused
        until = self._post.clock.monotonic() + timeout_seconds
        async with aclosing(_responses(servicer, payloads, timeout_seconds)) as responses:
            while True:
                try:
                    async with asyncio.timeout_at(until) as call:
                        with self._post.dispatcher.serving(call):
                            response = await anext(responses)
                except TimeoutError:
                    raise DispatchCut from None
                except StopAsyncIteration:
                    return
                if self._post.chance.happens(0.005, "dispatch cut"):
                    raise DispatchCut
                yield [(result.index, result_of(result)) for result in response.results]

    def cut(self) -> None:
        raise NotImplementedError("Nobody is asked to stop here: processes are killed.")


@dataclass(frozen=True)
class _Deadline:
    """What the edge asks of gRPC."""

    seconds: float

    def time_remaining(self) -> float:
        return self.seconds


def _responses(servicer: DispatcherServicer, payloads: Sequence[bytes], seconds: float) -> Any:
    context = cast("grpc.aio.ServicerContext[Any, Any]", _Deadline(seconds))
    return servicer.Dispatch(DispatchRequest(messages=payloads), context)
