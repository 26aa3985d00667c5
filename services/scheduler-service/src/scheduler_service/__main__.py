import asyncio
from pathlib import Path

from scheduler_service import bootstrap
from scheduler_service.settings import MigrationSettings, Settings
from servicekit.commands import run_command
from servicekit.postgres.migrations import migrate
from servicekit.settings import load

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def apply_migrations() -> None:
    settings = load(MigrationSettings)
    migrate(settings.database_url.get_secret_value(), "scheduler", MIGRATIONS)
    asyncio.run(bootstrap.make_partitions(settings))


if __name__ == "__main__":
    run_command("scheduler-service", Settings, bootstrap.build, migrate=apply_migrations)
