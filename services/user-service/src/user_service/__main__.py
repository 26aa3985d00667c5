import sys
from functools import partial
from pathlib import Path

from servicekit import failpoint, telemetry
from servicekit.postgres.migrations import migrate
from servicekit.runtime import Readiness, run
from servicekit.settings import load
from servicekit.settings_table import settings_table
from user_service.settings import MigrationSettings, Settings

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def serve() -> int:
    from user_service import bootstrap

    settings = load(Settings)
    telemetry.configure("user-service", settings)
    failpoint.arm(settings.failpoints)
    readiness = Readiness()
    return run(partial(bootstrap.build, settings, readiness), grace_seconds=settings.shutdown_grace_seconds, readiness=readiness)


def apply_migrations() -> int:
    migrate(load(MigrationSettings).database_url.get_secret_value(), "users", MIGRATIONS)
    return 0


def show_settings() -> int:
    print(settings_table(Settings))
    return 0


COMMANDS = {(): serve, ("migrate",): apply_migrations, ("settings",): show_settings}

if __name__ == "__main__":
    command = COMMANDS.get(tuple(sys.argv[1:]))
    sys.exit(command() if command else "Usage: python -m user_service [migrate | settings]")
