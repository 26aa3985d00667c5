"""When each kind of occasion is sent, and how late it may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache

from occasions import zones
from occasions.calendar import SendInstant, local_date_at, send_instant
from occasions.civil import CivilDate, LeapDayRule
from occasions.occasion import Occasion
from scheduler_service.domain.messages import Moments

# No zone is further from UTC than this, so a UTC date is at most one day off the local one.
ONE_DAY = timedelta(days=1)

_send_instant = lru_cache(maxsize=1 << 16)(send_instant)


@dataclass(frozen=True, slots=True)
class KindRules:
    """One kind of occasion as the settings have it."""

    occasion: Occasion
    send_time: time
    #: Late from the due instant; never beyond the end of the local day. None: until then.
    late: timedelta | None
    #: Belated after the late time; zero: never.
    belated: timedelta
    #: A date that became known on its day, after its time, is sent at once rather than next year.
    sends_at_once: bool = True

    def moments(self, zone: str, local_date: date) -> Moments:
        """Raises occasions.zones.InvalidZone."""
        return self._moments(_send_instant(zone, local_date, self.send_time))

    def _moments(self, instant: SendInstant) -> Moments:
        late_until = instant.day_ends_at if self.late is None else min(instant.day_ends_at, instant.at + self.late)
        return Moments(instant.at, late_until, late_until + self.belated, instant.zone, zones.TZDATA_VERSION, instant.rule.value)

    def dates_round(self, now: datetime, horizon: timedelta) -> Iterator[date]:
        """Every local date whose greeting could still go out somewhere, or falls due somewhere within the horizon; and a few more."""
        first = now.astimezone(UTC).date() - self.belated - 3 * ONE_DAY
        return (first + ONE_DAY * days for days in range((self.belated + horizon).days + 7))

    def is_open(self, moments: Moments, now: datetime, horizon: timedelta) -> bool:
        return moments.expires_at > now and moments.due_at < now + horizon

    def day_zero(self, source: CivilDate) -> date | None:
        """The day that is counted from, where the occasion does not exist on it yet."""
        if source.year is None or self.occasion.counts(source, source.year):
            return None
        return date(source.year, source.month, source.day)

    def observed_dates(self, source: CivilDate, rule: LeapDayRule, zone: str, now: datetime) -> Iterator[date]:
        """The local dates of the occasion in the years round `now`, in order."""
        this_year = local_date_at(zone, now).year
        for year in (this_year - 1, this_year, this_year + 1):
            if (observed := self.occasion.observed_on(source, year, rule)) is not None:
                yield observed


@dataclass(frozen=True, slots=True)
class PlanRules:
    """All that a plan is made by. Of two the one with the higher (epoch, tzdata version) is the newer."""

    kinds: Mapping[str, KindRules]
    #: How far ahead of their due instant messages are planned.
    horizon: timedelta
    epoch: int = 0
    tzdata_version: str = zones.TZDATA_VERSION

    def described(self) -> dict[str, dict[str, str | float | None]]:
        """What of the kinds decides an instant, to be kept and compared."""
        return {name: _described(rules) for name, rules in self.kinds.items()}


def _described(rules: KindRules) -> dict[str, str | float | None]:
    return {
        "send_time": rules.send_time.isoformat("minutes"),
        "late_seconds": None if rules.late is None else rules.late.total_seconds(),
        "belated_seconds": rules.belated.total_seconds(),
    }
