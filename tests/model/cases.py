"""What is searched: the bounds within which all holds, and for each rule those within which its absence shows, and how."""

from collections.abc import Mapping
from typing import NamedTuple

from model.rules import Bounds, Keys

ALL_CHANGES = ("date", "removed", "opted out", "content", "zone", "far zone")

#: Wide enough that each rule's absence would show in one of them, and small enough for every run of the tests.
SCENARIOS: Mapping[str, Bounds] = {
    "two faults and an edit": Bounds(faults=2, edits=1),
    "a fault and two edits": Bounds(faults=1, edits=2, changes=ALL_CHANGES),
    "three faults": Bounds(faults=3, edits=0),
    "edits upon edits": Bounds(faults=0, edits=3, changes=ALL_CHANGES),
    "the day ends, and the budget": Bounds(faults=1, edits=1, hours=2, changes=ALL_CHANGES, keys=Keys.SHORT),
    "claims given back": Bounds(faults=1, edits=1, lulls=2, changes=("date", "content")),
    "replays and resolutions": Bounds(faults=2, edits=1, decisions=1, changes=("date", "content")),
    "decisions late in the day": Bounds(faults=1, edits=1, hours=1, decisions=2, changes=("date", "far zone")),
    "a provider without keys": Bounds(faults=1, edits=1, decisions=1, lulls=1, keys=Keys.NONE),
}

#: For an evening: minutes and gigabytes.
DEEPER: Mapping[str, Bounds] = {
    "two faults and any edit": Bounds(faults=2, edits=1, changes=ALL_CHANGES),
    "two faults and two edits": Bounds(faults=2, edits=2, changes=("date", "content")),
    "three faults and an edit": Bounds(faults=3, edits=1, changes=("date", "content")),
    "three faults and the end of the day": Bounds(faults=3, edits=0, hours=1),
    "two edits and the end of the day": Bounds(faults=1, edits=2, hours=1, changes=("date", "content", "far zone")),
    "two faults, claims given back, the end of the day": Bounds(faults=2, edits=1, hours=1, lulls=1, changes=("date",)),
    "two faults and two decisions": Bounds(faults=2, edits=1, decisions=2, changes=("date", "content", "far zone")),
    "four edits": Bounds(faults=0, edits=4, changes=ALL_CHANGES),
}


class Broken(NamedTuple):
    """The promise that falls without a rule, and bounds in which it does."""

    promise: str
    bounds: Bounds


_ONE_EDIT = Bounds(faults=1, edits=1)
_A_LATE_FAULT = Bounds(faults=1, edits=1, hours=2)
_A_REPLAY = Bounds(faults=1, edits=1, decisions=1)

WITHOUT: Mapping[str, Broken] = {
    "mark-last": Broken("0 is wanted and ends QUEUED", _ONE_EDIT),
    "revision": Broken("never comes to rest", _ONE_EDIT),
    "older": Broken("tries again before it is due", Bounds(faults=2, edits=0, lulls=2)),
    "sent-final": Broken("the ledger forgets a SENT", _ONE_EDIT),
    "fence": Broken("the ledger forgets a SENT", Bounds(faults=2, edits=0)),
    "sent-is-fact": Broken("0 was accepted, the answer heard, the plan says UNCERTAIN", _ONE_EDIT),
    "wait-lease": Broken("0 is wanted and ends QUEUED", Bounds(faults=2, edits=0)),
    "re-answer": Broken("the provider took 0 in, the plan says QUEUED", _ONE_EDIT),
    "offset-last": Broken("the provider took 0 in, the plan says QUEUED", _ONE_EDIT),
    "facts-win": Broken("the provider took 0 in, the plan says CANCELLED", _ONE_EDIT),
    "stale": Broken("emits what nobody wants", _ONE_EDIT),
    "tombstone": Broken("the provider took 0 in, the plan says CANCELLED", _ONE_EDIT),
    "ask-if-due": Broken("two greetings in one year", _ONE_EDIT),
    "answered": Broken("two greetings in one year", _ONE_EDIT),
    "ask-again": Broken("1 is wanted and ends SCHEDULED", Bounds(faults=2, edits=1)),
    "took-unsure": Broken("the provider took 0 in, the plan says CANCELLED", _ONE_EDIT),
    "recover": Broken("0 is wanted and ends QUEUED", _ONE_EDIT),
    "slot": Broken("two greetings in one year", _ONE_EDIT),
    "open-holds": Broken("two greetings in one year", _ONE_EDIT),
    "unsure-holds": Broken("the provider took 0 in, the plan says CANCELLED", _ONE_EDIT),
    "suppress": Broken("1 is wanted and ends SCHEDULED", _ONE_EDIT),
    "release": Broken("uncertain without a fault", Bounds(faults=0, edits=0, lulls=1, keys=Keys.NONE)),
    "held-decides": Broken("tries again before it is due", Bounds(faults=1, edits=1, lulls=1)),
    "too-late": Broken("sends too late", _A_LATE_FAULT),
    "belated": Broken("0 is wanted and ends EXPIRED", _A_LATE_FAULT),
    "expiry-asks": Broken("the provider took 0 in, the plan says EXPIRED", _A_LATE_FAULT),
    "keep-variant": Broken("doubts for another content, which never changed", _A_LATE_FAULT),
    "digest": Broken("two contents under one key", _ONE_EDIT),
    "key-lifetime": Broken("sent twice where no key protects", Bounds(faults=1, edits=0, hours=2, keys=Keys.SHORT)),
    "hold": Broken("sent twice where no key protects", Bounds(faults=1, edits=0, keys=Keys.NONE)),
    "replay-revision": Broken("0 is replayed, and ends FAILED", _A_REPLAY),
    "replay-count": Broken("0 is to be sent again, and ends UNCERTAIN", Bounds(faults=1, edits=0, decisions=1, keys=Keys.NONE)),
    "replay-wanted": Broken("emits what nobody wants", _A_REPLAY),
    "doubt-stays": Broken("two contents under one key", Bounds(faults=1, edits=2, changes=("content", "zone"))),
}
