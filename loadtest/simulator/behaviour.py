"""How the simulated provider behaves, and the draw that decides it for one call."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints


class Fate(StrEnum):
    """What happens to one call."""

    ACCEPT = "accept"  # taken in and answered
    FAIL = "fail"  # answered with one of failure_codes, not taken in
    THROTTLE = "throttle"  # 429 with Retry-After, not taken in
    UNSUCCESSFUL = "unsuccessful"  # 200 with success=false, not taken in
    RESET = "reset"  # connection reset, not taken in
    HANG = "hang"  # never answered, not taken in
    DROP = "drop"  # taken in, then the connection is closed without an answer
    RUBBISH = "rubbish"  # taken in, answered with 200 and a body that is no JSON
    LOSE = "lose"  # taken in, never answered


class BadBehaviour(ValueError):
    """A setting that the simulator does not know, or with a value it cannot have."""


def setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Everything that can be set by flags and by POST /control. The shares together are at most 1; the rest is accepted."""

    failure_share: float = setting(0.0, "Share of calls answered with one of failure_codes; nothing is taken in.")
    failure_codes: tuple[int, ...] = setting((500,), "Statuses of those failures, drawn evenly.")
    throttle_share: float = setting(0.0, "Share answered with 429 and Retry-After; nothing is taken in.")
    retry_after_seconds: int = setting(1, "What Retry-After says.")
    unsuccessful_share: float = setting(0.0, "Share answered with 200 and success=false; nothing is taken in.")
    reset_share: float = setting(0.0, "Share whose connection is reset; nothing is taken in.")
    hang_share: float = setting(0.0, "Share never answered; nothing is taken in.")
    drop_share: float = setting(0.0, "Share taken in whose connection is then closed without an answer.")
    rubbish_share: float = setting(0.0, "Share taken in and answered with 200 and a body that is no JSON.")
    lose_share: float = setting(0.0, "Share taken in and never answered.")
    latency_seconds: float = setting(0.0, "Time each answer takes.")
    slow_share: float = setting(0.0, "Share of answers that take slow_seconds instead; drawn apart from the faults.")
    slow_seconds: float = setting(2.0, "Time a slow answer takes.")
    rate_limit_per_second: int = setting(0, "Calls answered each second; the rest get 429 with Retry-After. 0: no limit.")
    keys: bool = setting(True, "Honour idempotency keys: a known key with the same body is answered as before, with another one by 422.")
    seed: int = setting(0, "Changes which calls meet which fate: that depends only on seed, key and number of the call.")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name.endswith("_share") and not 0 <= value <= 1:
                raise BadBehaviour(f"{each.name} is a share: from 0 to 1, not {value}.")
            if each.name.endswith(("_seconds", "_second")) and value < 0:
                raise BadBehaviour(f"{each.name} must not be negative.")
        if (total := sum(share for share, _ in self.shares())) > 1 + 1e-9:
            raise BadBehaviour(f"the shares of the faults add up to {total:g}: more than 1.")
        if not self.failure_codes or any(not 300 <= code <= 599 for code in self.failure_codes):
            raise BadBehaviour("failure_codes are one or more statuses from 300 to 599.")

    def shares(self) -> tuple[tuple[float, Fate], ...]:
        return (
            (self.failure_share, Fate.FAIL),
            (self.throttle_share, Fate.THROTTLE),
            (self.unsuccessful_share, Fate.UNSUCCESSFUL),
            (self.reset_share, Fate.RESET),
            (self.hang_share, Fate.HANG),
            (self.drop_share, Fate.DROP),
            (self.rubbish_share, Fate.RUBBISH),
            (self.lose_share, Fate.LOSE),
        )

    def changed(self, changes: Mapping[str, object]) -> "Behaviour":
        """A copy with these settings; raises BadBehaviour on a name or a value that cannot be."""
        known = get_type_hints(Behaviour)
        if unknown := sorted(set(changes) - set(known)):
            raise BadBehaviour(f"unknown: {', '.join(unknown)}. Known: {', '.join(known)}.")
        typed: dict[str, Any] = {name: _typed(name, value, known[name]) for name, value in changes.items()}
        return replace(self, **typed)


def _typed(name: str, value: object, kind: Any) -> object:
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        if isinstance(value, list | tuple) and all(type(each) is item for each in value):
            return tuple(value)
        raise BadBehaviour(f"{name} is a list of {item.__name__}.")
    if type(value) is kind or (kind is float and isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadBehaviour(f"{name} is a {kind.__name__}, not {value!r}.")


class Dice:
    """Draws the fate of calls. The same seed, key and call number give the same fate, whatever the order of arrival."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._shares = [(share, fate) for share, fate in behaviour.shares() if share]

    def fate(self, key: str, call: int) -> Fate:
        if self._shares:
            left = self._draw("fate", key, call)
            for share, fate in self._shares:
                if left < share:
                    return fate
                left -= share
        return Fate.ACCEPT

    def failure_code(self, key: str, call: int) -> int:
        codes = self._behaviour.failure_codes
        return codes[int(self._draw("code", key, call) * len(codes))]

    def seconds(self, key: str, call: int) -> float:
        slow = self._behaviour.slow_share and self._draw("slow", key, call) < self._behaviour.slow_share
        return self._behaviour.slow_seconds if slow else self._behaviour.latency_seconds

    def _draw(self, what: str, key: str, call: int) -> float:
        drawn = hashlib.blake2b(f"{what}:{self._behaviour.seed}:{key}:{call}".encode(), digest_size=8).digest()
        return int.from_bytes(drawn, "big") / 2**64
