"""The command line of a service: serve, print its settings, migrate its schema."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import NoReturn, TypeVar

from servicekit import failpoint, telemetry
from servicekit.exposure import careless
from servicekit.runtime import Component, Readiness, run
from servicekit.settings import ServiceSettings, load
from servicekit.settings_table import settings_table

S = TypeVar("S", bound=ServiceSettings)
Build = Callable[[S, Readiness], Sequence[Component]]


def run_command(
    service: str, settings: type[S], build: Build[S], *, migrate: Callable[[], None] | None = None, arguments: Sequence[str] | None = None
) -> NoReturn:
    """Do what the command line asks for and exit: nothing serves, `settings` prints their table, `migrate` calls `migrate`."""
    commands: dict[tuple[str, ...], Callable[[], int | None]] = {
        (): partial(_serve, service, settings, build),
        ("settings",): lambda: print(settings_table(settings)),
    }
    if migrate is not None:
        commands["migrate",] = migrate
    command = commands.get(tuple(sys.argv[1:] if arguments is None else arguments))
    sys.exit(command() if command else f"Usage: python -m {service.replace('-', '_')} [{' | '.join(' '.join(c) for c in commands if c)}]")


def _serve(service: str, settings_type: type[S], build: Build[S]) -> int:
    settings = load(settings_type, careless)
    telemetry.configure(service, settings)
    failpoint.arm(settings.failpoints)
    readiness = Readiness()
    return run(partial(build, settings, readiness), grace_seconds=settings.shutdown_grace_seconds, readiness=readiness)
