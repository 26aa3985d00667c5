"""What the protocol says outside of its model, and the wrong behaviours that take each rule away. The model's own are in `model.rules`."""

from collections.abc import Mapping
from typing import Final

RULES_BESIDE_THE_MODEL: Final[Mapping[str, tuple[str, ...]]] = {
    "what was not tried is given back under its fence: not counted, not unsure": ("without release",),
    "what is too late is EXPIRED, and belated while there is budget": ("without too-late", "without belated"),
    "what is unsure is sent again only as it was, and only while its key is known": (
        "without digest",
        "without key-lifetime",
        "without keep-variant",
    ),
    "unsure is all that failed after the first byte went out": ("no answer is a refusal", "what may be taken in is a refusal"),
    "an edit of what a message is composed from is a move, once its time has come": ("an address is no content",),
    "emit reads recipients in the statement after the claim": ("recipients joined to the claim",),
    "recipient, slot, message, each in the order of ids": (
        "recipients locked in another order",
        "slots locked in another order",
        "messages locked in another order",
        "messages locked before their slots",
        "entries locked in another order",
    ),
    "of two records of one id in a batch the highest revision counts": ("any revision of a batch",),
    "of two messages of one year in a batch one is emitted": ("two of one year in one batch",),
    "a deadlock is tried again": ("a deadlock is the end",),
    "plan locks the slots it reads, and skips those that hold the year": ("a plan that locks nothing", "a plan for a year that is held"),
    "a change plans nothing for a year that is held": ("a change for a year that is held",),
    "time is the database's": ("the scheduler's own clock", "the notifier's own clock"),
    "and as it is, not as it was when the transaction began": (
        "the transaction's clock in a claim",
        "the transaction's clock in a mark",
        "the transaction's clock in a second mark",
        "the transaction's clock in a change",
        "the transaction's clock in a tick",
        "the transaction's clock in the ledger",
    ),
    "what is early is waited for": ("a claim before its time",),
    "a lease outlasts a rebalance": ("a lease that a rebalance outlasts",),
    "a call ends two seconds before its lease, or is not begun": ("a call until the lease's end", "a call begun when its lease is over"),
    "Kafka's acknowledgement comes within the pause of a transaction": ("an acknowledgement that outlasts its transaction",),
    "after a failed batch emit waits": ("emit does not wait for the broker",),
    "recover does not double a backlog": ("recover doubles a backlog",),
    "partitions that are taken away are finished or released first": ("revoked partitions are let go as they are",),
    "a partition with too many parked records is paused": ("a partition parks without end",),
    "Redis decides nothing": ("redis alone decides",),
    "and holds only what the ledger has as SENT": ("hints of what is not sent",),
    "what it knows is told again": ("what Redis knows is not told",),
    "and not asked about what recover emitted": ("redis is believed over recover",),
    "what is cancelled under a lapsed claim is in doubt": ("cancelled though it may have been sent",),
}
# Nothing is planted against these:
# - a pause is checked by emit and at the claim: there is no pause; a job is switched off, or replicas are taken away;
# - what cannot be kept is told of as HELD: no notifier does; what is released is held until it can be sent;
# - parked records are looked up together each second: it is the cost of waiting, and nothing that is sent depends on it;
# - a lease is longer than the pause of a transaction: a line of a validator that cannot be swapped from outside; without it
#   test_all_broken_bounds_are_listed_together goes red.
