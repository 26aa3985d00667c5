"""Wrong behaviours of the dispatcher and the calendar."""

from datetime import UTC, date, datetime, time, timezone, tzinfo
from typing import Any, Final
from uuid import uuid4

from resilience.sowing import around, planted

_COURIER: Final = "services/dispatcher-service/tests/unit/test_courier.py::"
_TEMPLATES: Final = "services/dispatcher-service/tests/unit/test_templates.py::"
_INSTANTS: Final = "libs/occasions/tests/unit/test_send_instants.py::"


@planted("a new key for each try", _COURIER, "test_every_try_carries_the_same_key_and_content")
def _new_key() -> None:
    from dispatcher_service.courier import Courier

    async def renaming(original: Any, self: Any, letter: Any, *rest: Any) -> Any:
        return await original(self, letter._replace(key=str(uuid4())), *rest)

    around(Courier, "_send", renaming)


@planted("a new key for each dispatch", _TEMPLATES, "test_the_key_is_the_message_id")
def _new_key_each_dispatch() -> None:
    from dispatcher_service.adapters.templates import TemplateComposer

    around(TemplateComposer, "compose", lambda original, *said, **named: original(*said, **named)._replace(key=str(uuid4())))


@planted("the day chosen by UTC", _INSTANTS, "test_send_instant")
def _day_by_utc() -> None:
    from occasions import calendar

    def of_utc(original: Any, zone: str, day: date, at: time) -> Any:
        return original(zone, day + (day - original(zone, day, at).at.date()), at)

    around(calendar, "send_instant", of_utc)


@planted("the future judged by UTC", _INSTANTS, "test_future_is_after_today_where_the_person_is")
def _future_by_utc() -> None:
    from occasions import calendar

    def of_utc(_: Any, zone: str, instant: datetime) -> date:
        return instant.astimezone(UTC).date()

    around(calendar, "local_date_at", of_utc)


@planted("zone names as fixed offsets", _INSTANTS, "test_send_instant")
def _fixed_offsets() -> None:
    from occasions import zones

    def fixed(original: Any, name: str) -> tzinfo:
        offset = datetime(2026, 1, 1, tzinfo=original(name)).utcoffset()
        assert offset is not None
        return timezone(offset, name)

    around(zones, "zone", fixed)
