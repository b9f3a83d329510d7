import pytest

from export import recipes


def test_recipe_gives_the_named_one():
    assert recipes.recipe("int8") is recipes.RECIPES["int8"]


def test_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="float32, float16, dynamic_range, int8; received 'int4'"):
        recipes.recipe("int4")
