"""Records that cannot be read: kept aside one by one, and a stop when there are too many."""

from servicekit.kafka.records import Received, Record


class TooManyPoisonRecords(Exception):
    """Too many records cannot be read: the consumer stops instead of emptying its topic into the dead letters."""


class PoisonGuard:
    """Trips when more than `most_share` of the last `window` records, and at least `least`, were poison. Pure: no clock, no I/O."""

    def __init__(self, *, most_share: float = 0.01, least: int = 20, window: int = 2000) -> None:
        raise NotImplementedError

    def saw(self, records: int, poison: int) -> None:
        """Count a batch of `records` of which `poison` could not be read. Raises TooManyPoisonRecords, and sets the alert's gauge."""
        raise NotImplementedError


def dead_letter(received: Received, error: Exception, topic: str) -> Record:
    """The record to produce to the poison `topic`: the same key and bytes, with position and error in headers."""
    raise NotImplementedError
