"""The rules of the protocol, each of which can be taken away, and the bounds of a search."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

#: What each rule says. Without it, some run breaks a promise; `test_protocol.py` names the promise.
RULES: Mapping[str, str] = {
    "mark-last": "emit produces, waits for the acknowledgement, then marks QUEUED",
    "revision": "a change of the plan raises the message's revision",
    "older": "the ledger drops a record that is older than its row",
    "sent-final": "the ledger never claims an id that is SENT",
    "fence": "a result is written only under the fence of its claim",
    "sent-is-fact": "... but SENT, being a fact, always",
    "wait-lease": "a record under another's live lease is waited for, never dropped",
    "re-answer": "a record whose revision is decided gets its outcome told again",
    "offset-last": "the offset is committed after the outcome is acknowledged",
    "facts-win": "the plan takes an outcome SENT in any state",
    "stale": "other outcomes count only for the revision that is QUEUED",
    "tombstone": "a change of a message whose time has come is told to the ledger",
    "ask-if-due": "... whether it was marked QUEUED or not: emit may have died before the mark",
    "answered": "... and is a question, which stays open until the ledger answers",
    "ask-again": "... and is repeated until it does",
    "took-unsure": "taking over or burying a lapsed claim makes the message unsure: its holder may have sent",
    "recover": "QUEUED without an outcome for long: emitted again under the same revision",
    "slot": "emit takes the year's slot; only an end that is neither SENT nor unsure frees it",
    "open-holds": "nothing is emitted while a message of the same user and kind has an open question",
    "unsure-holds": "a message that ends unsure is UNCERTAIN and keeps the slot",
    "suppress": "after SENT the year's other plans are over",
    "release": "a claim that was not attempted is given back as it was",
    "held-decides": "... and what could not be kept, and is told of as HELD, is never claimed under that revision again",
    "too-late": "a record past its latest instant is not sent",
    "belated": "what is too late for its text, but within its budget, is planned again with the belated one",
    "expiry-asks": "the end of the budget is a question too, if the time had come",
    "keep-variant": "an unsure message keeps its text's variant",
    "digest": "an unsure message is sent again only with the same content",
    "key-lifetime": "... and only while the provider knows its key",
    "hold": "... and never at a provider that honours no keys",
    "replay-revision": "a replay raises the revision",
    "replay-count": "a replay is told to the ledger, which starts anew",
    "replay-wanted": "only what is still wanted is replayed",
    "doubt-stays": "an entry that is unsure keeps the digest of what may have been sent, whatever else is refused after it",
}


class Keys(StrEnum):
    """What the provider makes of a key it has seen."""

    KEPT = "kept"  # A second call under it is no second greeting.
    SHORT = "short"  # So until the local day is over.
    NONE = "none"  # A second call is a second greeting: SMTP.


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may happen in one run.

    `faults`: kills, pauses, lost answers, refusals, repetitions. `edits`: changes of the user, of the kinds in `changes`.
    `hours`: how often the local day, then the budget ends. `decisions`: replays and resolutions. `lulls`: claims given back untried.
    """

    faults: int = 2
    edits: int = 1
    changes: tuple[str, ...] = ("date", "removed", "content")
    hours: int = 0
    decisions: int = 0
    lulls: int = 0
    keys: Keys = Keys.KEPT


@dataclass(frozen=True, slots=True)
class Setup:
    """A search: its bounds, and the rules that are taken away."""

    bounds: Bounds
    off: frozenset[str] = frozenset()

    def on(self, rule: str) -> bool:
        return rule not in self.off
