from datetime import date
from uuid import UUID

import pytest

from scheduler_service.adapters.postgres.queries import list_statement
from scheduler_service.domain import MessageFilter


@pytest.mark.parametrize(("day", "digits"), [(date(2026, 3, 9), "20260309"), (date(226, 11, 25), "02261125"), (date(1, 1, 1), "00010101")])
def test_the_ids_of_a_date_begin_with_it_whatever_its_year(day: date, digits: str) -> None:
    _, parameters = list_statement(MessageFilter(local_date=day), None, date(2026, 3, 1))
    assert (parameters["first_id"], parameters["last_id"]) == (UUID(digits + "0" * 24), UUID(digits + "f" * 24))
