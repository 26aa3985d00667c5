"""What a person sees: the greetings by zone, live or as lines, and tables of how it ended."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table

from demo.play import Message, Snapshot
from demo.reckoning import Greeting
from demo.scenario import Person, Times
from occasions.civil import CivilDate, LeapDayRule, observed_on

COLUMNS = ("planned", "queued", "sending", "sent", "retrying", "cancelled")
_COLUMN_OF = {
    "SCHEDULED": "planned",
    "QUEUED": "queued",
    "SENT": "sent",
    "RETRYING": "retrying",
    "CANCELLED": "cancelled",
    "SUPPRESSED": "cancelled",
}
_LINES_BESIDE_ZONES = 9  # title, head, sums and rules
_CALLS_IN_AN_ATTEMPT = 3
_BETWEEN_LINES = timedelta(seconds=5)

Counts = Counter[str]
Show = Callable[[Snapshot], None]


@contextmanager
def shown_live(console: Console, times: Times) -> Iterator[Show]:
    """A way to show snapshots: a table that is drawn anew on a terminal, a line now and then elsewhere."""
    if not console.is_terminal:
        yield _as_lines(console, times)
        return
    with Live(console=console, auto_refresh=False) as live:
        room = max(5, console.height - _LINES_BESIDE_ZONES)
        yield lambda snapshot: live.update(zones_table(snapshot, _countdown(snapshot, times), room), refresh=True)


def zones_table(snapshot: Snapshot, title: str, most_zones: int | None = None) -> Table:
    """The greetings by zone and what became of them; where not all zones fit, those where something goes on come first."""
    counts = _count(snapshot)
    sums = _sum(counts)
    others = sorted(sums.keys() - set(COLUMNS))
    columns = (*COLUMNS, *others)
    table = Table(title=title, title_justify="left", show_footer=True)
    table.add_column("zone", footer=f"all {len(counts)} zones", min_width=32)
    for column in columns:
        table.add_column(column, footer=_shown(sums[column]), justify="right")
    for zone in sorted(counts, key=lambda zone: (_rank(counts[zone]), zone))[:most_zones]:
        table.add_row(zone, *(_shown(counts[zone][column]) for column in columns))
    return table


def ahead_table(greetings: Iterable[Greeting], messages: Mapping[str, Message]) -> Table:
    """Greetings that are planned for later, as the API tells it: by instant and by local time."""
    zones = defaultdict(list)
    for greeting in greetings:
        if message := messages.get(greeting.message_id):
            instant = datetime.fromisoformat(message["dueTime"])
            local = instant.astimezone(greeting.due_at.tzinfo)
            zones[f"{instant:%Y-%m-%d %H:%M}", f"{local:%Y-%m-%d %H:%M}", greeting.kind].append(message["timezone"])
    table = Table(title="Planned for later", title_justify="left", show_lines=True)
    for column in ("instant (UTC)", "local time", "kind", "zones"):
        table.add_column(column)
    for when, names in sorted(zones.items()):
        table.add_row(*when, ", ".join(sorted(names)))
    return table


def retries(letters: Iterable[Mapping[str, Any]]) -> str:
    """How the provider's failures were made up for."""
    calls = Counter(letter["calls"] for letter in letters)
    by_calls = ", ".join(f"{number} took {'one call' if count == 1 else f'{count} calls'}" for count, number in sorted(calls.items()))
    planned_again = sum(number for count, number in calls.items() if count > _CALLS_IN_AN_ATTEMPT)
    return f"Of the greetings {by_calls}; {planned_again} failed {_CALLS_IN_AN_ATTEMPT} times in a row and were planned again."


def _as_lines(console: Console, times: Times) -> Show:
    last = datetime.min.replace(tzinfo=UTC)

    def show(snapshot: Snapshot) -> None:
        nonlocal last
        if snapshot.taken_at - last >= _BETWEEN_LINES:
            last = snapshot.taken_at
            sums = _sum(_count(snapshot))
            console.print(f"{_countdown(snapshot, times)} {', '.join(f'{sums[column]} {column}' for column in COLUMNS)}", soft_wrap=True)

    return show


def leap_days(people: Iterable[Person], today: date) -> str:
    """When those born on 29 February are greeted next, by the rule that each has chosen."""
    rules = sorted({person.leap_day_rule for person in people if person.birthday.endswith("-02-29")})
    return "\n".join(f"Born on 29 February with {rule}: next greeted on {_next_leap_day(LeapDayRule(rule), today)}." for rule in rules)


def _next_leap_day(rule: LeapDayRule, today: date) -> date:
    born = CivilDate(None, 2, 29)
    days = (observed_on(born, year, rule) for year in range(today.year, today.year + 10))
    return next(day for day in days if day is not None and day > today)


def _countdown(snapshot: Snapshot, times: Times) -> str:
    parts = []
    for kind, at in (("birthdays", times.birthday_at), ("anniversaries", times.anniversary_at)):
        seconds = round((at - snapshot.taken_at).total_seconds())
        parts.append(f"{kind} in {seconds} s" if seconds > 0 else f"{kind} {-seconds} s ago")
    return f"{snapshot.taken_at:%H:%M:%S} UTC, {', '.join(parts)}:"


def _count(snapshot: Snapshot) -> dict[str, Counts]:
    """Messages by zone and column; a state without a column counts under its own name."""
    counts: dict[str, Counts] = defaultdict(Counter)
    for message in snapshot.messages.values():
        state = message["state"]
        column = "sending" if state == "QUEUED" and message["id"] in snapshot.sending else _COLUMN_OF.get(state, state.lower())
        counts[message["timezone"]][column] += 1
    return counts


def _sum(counts: Mapping[str, Counts]) -> Counts:
    return sum(counts.values(), Counter())


def _rank(counts: Counts) -> int:
    if any(counts[column] for column in ("queued", "sending", "retrying")):
        return 0
    return 1 if counts["planned"] else 2


def _shown(count: int) -> str:
    return str(count) if count else "·"
