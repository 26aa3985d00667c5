import random

import pytest

from backing.ports import free_port


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([port for port in range(20_000, 20_100) for _ in range(2)])
    monkeypatch.setattr(random, "randint", lambda *_: next(drawn))
    assert free_port() != free_port()
