import sys
from functools import partial
from pathlib import Path

from notifier_service import bootstrap
from notifier_service.settings import MigrationSettings, Settings
from servicekit import telemetry
from servicekit.postgres import migrate
from servicekit.runtime import Readiness, run
from servicekit.settings import load
from servicekit.settings_table import settings_table

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def serve() -> int:
    settings = load(Settings)
    telemetry.configure("notifier-service", settings)
    readiness = Readiness()
    return run(partial(bootstrap.build, settings, readiness), grace_seconds=settings.shutdown_grace_seconds, readiness=readiness)


def apply_migrations() -> int:
    migrate(load(MigrationSettings).database_url.get_secret_value(), "notifier", MIGRATIONS)
    return 0


def show_settings() -> int:
    print(settings_table(Settings))
    return 0


COMMANDS = {(): serve, ("migrate",): apply_migrations, ("settings",): show_settings}

if __name__ == "__main__":
    command = COMMANDS.get(tuple(sys.argv[1:]))
    sys.exit(command() if command else "Usage: python -m notifier_service [migrate | settings]")
