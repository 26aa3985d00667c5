"""A picture of the year: what became of the greetings of each month."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from rich.text import Text

from occasions.occasion import Variant
from scheduler_service.domain import Message, State

#: After the due instant; what is sent later on the day is late.
ON_TIME = timedelta(seconds=60)
_SENT = {"on time": "green", "late": "yellow", "belated": "magenta"}
_UNSENT = ("failed", "uncertain", "expired", "suppressed", "cancelled")
_ENDS = (*_SENT, *_UNSENT)
_WIDTH = 30


def picture_of(messages: Iterable[Message]) -> Iterator[Text]:
    """A line for each month of local dates, with a bar as long as it was full."""
    months: dict[str, Counter[str]] = {}
    for message in messages:
        months.setdefault(f"{message.local_date:%Y-%m}", Counter())[_end(message)] += 1
    fullest = max((_sent(counts) for counts in months.values()), default=0)
    yield Text("  ".join(("month  ", *_ENDS)))
    for month, counts in sorted(months.items()):
        cells = (f"{counts[end] or '·':>{len(end)}}" for end in _ENDS)
        yield Text("  ".join((month, *cells, ""))) + _bar(counts, fullest)


def _end(message: Message) -> str:
    if message.state is not State.SENT:
        return message.state.lower()
    if message.variant == Variant.BELATED:
        return "belated"
    return "on time" if message.sent_at and message.sent_at - message.moments.due_at <= ON_TIME else "late"


def _sent(counts: Counter[str]) -> int:
    return sum(counts[end] for end in _SENT)


def _bar(counts: Counter[str], fullest: int) -> Text:
    bar = Text()
    for end, colour in _SENT.items():
        bar.append("█" * round(_WIDTH * counts[end] / max(fullest, 1)), style=colour)
    return bar
