"""Faults of the mesh, each there within a block and gone after it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from threading import Event, Thread
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
        finally:
            server.start(stopped)

    return fault


def killed(part: str) -> Fault:
    """The server is killed and started again at once."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        dead: Server = getattr(campaign.mesh, part)
        yield
        dead.process.kill()
        server.start(dead)

    return fault


def again_and_again(act: Callable[[Campaign, int], None], pause_seconds: float) -> Fault:
    """The same thing all the time; its last turn is finished before the end."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        enough, failures = Event(), list[BaseException]()

        def repeat() -> None:
            turn = 0
            try:
                while not enough.wait(pause_seconds):
                    act(campaign, turn)
                    turn += 1
            except BaseException as error:
                failures.append(error)

        thread = Thread(target=repeat, name="again-and-again")
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()
        assert failures == []

    return fault


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
    """The provider behaves so for a while."""

    @contextmanager
    def fault(campaign: Campaign) -> Iterator[None]:
        campaign.behave(**behaviour)
        try:
            yield
        finally:
            if shares := {name: 0 for name in behaviour if name.endswith("_share")}:
                campaign.behave(**shares)

    return fault
