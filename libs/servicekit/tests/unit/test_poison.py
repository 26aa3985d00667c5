import pytest
from prometheus_client import REGISTRY

from servicekit.kafka import Partition, PoisonGuard, Received, TooManyPoisonRecords, Unreadable, dead_letter


def test_few_poison_records_never_stop_the_consumer_however_large_their_share() -> None:
    PoisonGuard("few").saw(19, 19)


def test_many_are_borne_while_they_are_a_small_share() -> None:
    guard = PoisonGuard("share", window=10_000)
    for _ in range(10):
        guard.saw(1000, 10)


def test_more_than_one_in_a_hundred_and_twenty_in_all_stop_it() -> None:
    guard = PoisonGuard("many")
    guard.saw(1000, 10)
    with pytest.raises(TooManyPoisonRecords, match="20 of the last 1800 records cannot be read"):
        guard.saw(800, 10)
    assert REGISTRY.get_sample_value("kafka_poison_stopped", {"group": "many"}) == 1


def test_what_is_past_the_window_is_forgotten() -> None:
    guard = PoisonGuard("window", window=1000)
    guard.saw(500, 15)
    guard.saw(1000, 0)
    guard.saw(500, 15)


def test_the_dead_letter_keeps_bytes_and_position_and_says_what_is_wrong() -> None:
    received = Received(Partition("source", 3), 42, 0, b"key", b"\xff", (("traceparent", b"00"),))
    record = dead_letter(received, Unreadable("an id is not 16 bytes"), "poison")
    assert (record.topic, record.key, record.value) == ("poison", b"key", b"\xff")
    assert dict(record.headers) == {
        "source-topic": b"source",
        "source-partition": b"3",
        "source-offset": b"42",
        "error": b"an id is not 16 bytes",
        "traceparent": b"00",
    }
