from pathlib import Path

from notifier_service import bootstrap
from notifier_service.settings import MigrationSettings, Settings
from servicekit.commands import run_command
from servicekit.postgres import migrate
from servicekit.settings import load

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def apply_migrations() -> None:
    migrate(load(MigrationSettings).database_url.get_secret_value(), "notifier", MIGRATIONS)


if __name__ == "__main__":
    run_command("notifier-service", Settings, bootstrap.build, migrate=apply_migrations)
