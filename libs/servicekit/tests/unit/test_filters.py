import pytest

from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.filters import searchable


@pytest.mark.parametrize("text", ["", "birthday", "Geburtstag ü", "\n"])
def test_any_text_can_be_looked_for(text: str) -> None:
    assert searchable("kind", text) == text


@pytest.mark.parametrize("text", ["\0", "birth\0day"])
def test_a_null_byte_is_refused_with_its_field(text: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        searchable("kind", text)
    assert refused.value.violations == (FieldViolation("kind", "The kind contains a null byte: remove it."),)
