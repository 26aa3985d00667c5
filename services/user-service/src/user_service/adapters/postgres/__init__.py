from user_service.adapters.postgres.store import Events, PostgresUserStore

__all__ = ["Events", "PostgresUserStore"]
