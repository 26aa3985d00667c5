"""What planning looks at, made from a user's snapshot."""

from datetime import datetime
from functools import lru_cache

from occasions.civil import CivilDate
from scheduler_service.domain.messages import Slot
from scheduler_service.domain.recipients import Recipient
from scheduler_service.domain.rules import KindRules

# There are fewer dates than people.
_date = lru_cache(maxsize=1 << 16)(CivilDate.parse)


def source_of(rules: KindRules, recipient: Recipient) -> CivilDate | None:
    """The date a kind counts from. Raises InvalidDate."""
    return rules.occasion.source({name: _date(text) for name, text in recipient.dates.items()})


def slot_of(kind: str, rules: KindRules, recipient: Recipient, source: CivilDate | None, was: Slot | None) -> Slot:
    """The slot as the recipient makes it; which message holds the year stays."""
    active = source is not None and not recipient.deleted and not recipient.erased and kind not in recipient.suppressed
    kept = None if recipient.erased else source
    known_at = _known_at(rules, recipient, kept) if kept else None
    month, day, year = (kept.month, kept.day, kept.year) if kept else (None, None, None)
    held = (was.slot_year, was.slot_message_id) if was else (None, None)
    return Slot(recipient.user_id, kind, recipient.timezone, month, day, year, recipient.leap_day_rule, known_at, active, *held)


def _known_at(rules: KindRules, recipient: Recipient, source: CivilDate) -> datetime:
    """When the kind's own date became known; of a kind that needs several dates, the last of them."""
    alone = [n for n, text in recipient.dates.items() if rules.occasion.source({n: _date(text)}) == source]
    return max(recipient.known_at[name] for name in alone or recipient.dates)


def content_changed(before: Recipient | None, now: Recipient, was: Slot | None, slot: Slot) -> bool:
    """Whether what a message is composed from has changed: address, name, language, or the year that is counted from."""
    if before is None:
        return False
    texts = (before.email, before.first_name, before.last_name, before.locale) != (now.email, now.first_name, now.last_name, now.locale)
    return texts or (was is not None and was.year != slot.year)
