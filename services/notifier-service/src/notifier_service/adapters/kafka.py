"""Outcomes and dead letters to Kafka."""

from collections.abc import Sequence

from notifier_service.domain import DeadLetter, Outcome
from notifier_service.wire import dead_letter_message, outcome_bytes
from servicekit.kafka import Producer, Record


class KafkaAnnouncer:
    """The Announcer port: one record each, keyed by the user's id."""

    def __init__(self, producer: Producer, outcome_topic: str, dead_letter_topic: str) -> None:
        self._producer = producer
        self._outcome_topic = outcome_topic
        self._dead_letter_topic = dead_letter_topic

    async def announce(self, outcomes: Sequence[Outcome], dead_letters: Sequence[DeadLetter] = ()) -> None:
        letters = [
            Record(self._dead_letter_topic, letter.user_id, dead_letter_message(letter).SerializeToString()) for letter in dead_letters
        ]
        await self._producer.produce(letters)
        await self._producer.produce([Record(self._outcome_topic, outcome.user_id, outcome_bytes(outcome)) for outcome in outcomes])
