"""Faults of the mesh, each there within a block and gone after it; one that was not there raises AssertionError at its end."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Event
from typing import Any

from backing import server
from backing.server import Server
from backing.wire import Wire
from resilience.campaign import Campaign

Fault = Callable[[Campaign], AbstractContextManager[None]]


def gone(part: str) -> Fault:
    """The server is stopped, and back with its data."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        stopped: Server = getattr(campaign.mesh, part)
        stopped.process.stop()
        try:
            yield
            assert not stopped.process.running, "it was not away all the while"
        finally:
            server.start(stopped)

    return fault


def killed(part: str, after_seconds: float) -> Fault:
    """The server is killed after a while and started again at once."""

    def kill(campaign: Campaign) -> None:
        dead: Server = getattr(campaign.mesh, part)
        dead.process.kill()
        server.start(dead)

    return once(kill, after_seconds)


def once(act: Callable[[Campaign], None], after_seconds: float) -> Fault:
    """It happens after a while, and is done before the end."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        def wait_and_act(enough: Event) -> None:
            assert not enough.wait(after_seconds), "the end came before it happened"
            act(campaign)

        with _beside(wait_and_act):
            yield

    return fault


def again_and_again(act: Callable[[Campaign, int], None], pause_seconds: float) -> Fault:
    """The same thing all the time; its last turn is finished before the end."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        def repeat(enough: Event) -> None:
            turn = 0
            while not enough.wait(pause_seconds):
                act(campaign, turn)
                turn += 1
            assert turn > 1, "the end came before it happened again"

        with _beside(repeat):
            yield

    return fault


def rolling(service: str, *, away_seconds: float = 0, pause_seconds: float = 0.2) -> Fault:
    """Its replicas end and come back one after the other, again and again, and each has by the end."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        parts = [part for name, part in campaign.mesh.parts() if name.startswith(service)]
        clean = {part.process.pid for part in parts}

        def restart(_: Campaign, turn: int) -> None:
            part = parts[turn % len(parts)]
            part.process.stop()
            time.sleep(away_seconds)
            server.start(part)

        with again_and_again(restart, pause_seconds)(campaign):
            yield
        assert clean.isdisjoint(part.process.pid for part in parts), "not each of them was restarted"

    return fault


@contextmanager
def _beside(work: Callable[[Event], None]) -> Iterator[None]:
    """A thread does the work and is told when it is enough; what it raises is raised at the end."""
    enough = Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work, enough)
        try:
            yield
        finally:
            enough.set()
        done.result()


def rewired(services: tuple[str, ...], setting: str, target: Callable[[Campaign], str], break_it: Callable[[Wire], None]) -> Fault:
    """The services reach one server over a wire that is broken while they work."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        with Wire(target(campaign)) as wire, ExitStack() as services_rewired:
            for service in services:
                services_rewired.enter_context(
                    campaign.changed(service, lambda env: {setting: env[setting].replace(target(campaign), wire.address)})
                )
            break_it(wire)
            try:
                yield
                assert wire.joined, "nobody came over the wire"
            finally:
                wire.delay_seconds, wire.is_dead = 0.0, False

    return fault


def set_to(services: tuple[str, ...], **settings: str) -> Fault:
    """The services run with other settings."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        with ExitStack() as changed:
            for service in services:
                changed.enter_context(campaign.changed(service, lambda _: settings))
            yield

    return fault


def together(*faults: Fault) -> Fault:
    """One fault upon the other."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        with ExitStack() as all_of_them:
            for each in faults:
                all_of_them.enter_context(each(campaign))
            yield

    return fault


def provider(**behaviour: Any) -> Fault:
    """The provider behaves so for a while, and somebody has met it."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        shares = {name: 0 for name in behaviour if name.endswith("_share")}
        campaign.behave(**behaviour)
        try:
            yield
            # One that takes no calls at all is waited for here: then it is back.
            failures = json.loads(campaign.get(f"{campaign.mesh.provider_url}/stats"))["failures"]
            assert failures or not shares, "nobody met the behaviour"
        finally:
            if shares:
                campaign.behave(**shares)

    return fault
