from collections.abc import Iterator, Mapping
from datetime import date

from occasions.civil import CivilDate
from occasions.occasion import Objection, Occasion


class Anniversary(Occasion):
    """Each return of the day on which somebody joined; the first day itself is none."""

    name = "anniversary"
    first_after_years = 1

    def source(self, dates: Mapping[str, CivilDate]) -> CivilDate | None:
        return dates.get("anniversary")

    def years(self, source: CivilDate, local_date: date) -> int:
        return 0 if source.year is None else local_date.year - source.year

    def objections(self, dates: Mapping[str, CivilDate]) -> Iterator[Objection]:
        anniversary, birthday = dates.get("anniversary"), dates.get("birthday")
        if anniversary and birthday and anniversary.is_before(birthday):
            yield Objection("anniversary", f"{anniversary} is before the birthday, {birthday}")
