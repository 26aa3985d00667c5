from collections.abc import Mapping

from occasions.civil import CivilDate
from occasions.occasion import Occasion


class Birthday(Occasion):
    """The day of birth and each return of it."""

    name = "birthday"

    def source(self, dates: Mapping[str, CivilDate]) -> CivilDate | None:
        return dates.get("birthday")
