"""All SQL of the service."""

from notifier_service.adapters.postgres.ledger import PostgresLedger
from notifier_service.adapters.postgres.partitions import Partitions
from notifier_service.adapters.postgres.reader import PostgresDeliveryReader

__all__ = ["Partitions", "PostgresDeliveryReader", "PostgresLedger"]
