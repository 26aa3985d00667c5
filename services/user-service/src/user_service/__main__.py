from pathlib import Path

from servicekit.commands import run_command
from servicekit.postgres.migrations import migrate
from servicekit.settings import load
from user_service import bootstrap
from user_service.settings import MigrationSettings, Settings

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def apply_migrations() -> None:
    migrate(load(MigrationSettings).database_url.get_secret_value(), "users", MIGRATIONS)


if __name__ == "__main__":
    run_command("user-service", Settings, bootstrap.build, migrate=apply_migrations)
