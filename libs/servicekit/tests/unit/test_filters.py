from uuid import UUID

import pytest

from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.filters import searchable, user_id


@pytest.mark.parametrize("text", ["", "birthday", "Geburtstag ü", "\n"])
def test_any_text_can_be_looked_for(text: str) -> None:
    assert searchable("kind", text) == text


@pytest.mark.parametrize("text", ["\0", "birth\0day"])
def test_a_null_byte_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        searchable("kind", text)
    assert refused.value.violations == (FieldViolation("kind", "The kind contains a null byte: remove it."),)


@pytest.mark.parametrize("text", ["01932c07-20a4-7cd1-8000-2b1f4a5e6d7c", "01932C07-20A4-7CD1-8000-2B1F4A5E6D7C"])
def test_an_id_of_a_user_is_read(text: str) -> None:
    assert user_id("userId", text) == UUID(text)


@pytest.mark.parametrize("text", ["", "7", "{01932c07-20a4-7cd1-8000-2b1f4a5e6d7c}", "urn:uuid:01932c07-20a4-7cd1-8000-2b1f4a5e6d7c"])
def test_what_is_no_id_of_a_user_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        user_id("userId", text)
    said = "This is not the id of a user: one looks like 01932c07-20a4-7cd1-8000-2b1f4a5e6d7c."
    assert refused.value.violations == (FieldViolation("userId", said),)
