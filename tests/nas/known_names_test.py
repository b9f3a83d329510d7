import pytest

from nas import known_names


def test_a_known_name_passes():
    known_names.check("colour", "red", {"red": 1, "blue": 2})


@pytest.mark.parametrize("name", ["green", "", None, 3])
def test_any_other_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError) as refused:
        known_names.check("colour", name, ("red", "blue"), ", or a .json file")
    expected = f"colour: expected one of red, blue, or a .json file; received {name!r}"
    assert str(refused.value) == expected
