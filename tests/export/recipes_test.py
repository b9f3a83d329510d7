import pytest

from export import recipes


def test_recipe_gives_the_named_one():
    assert recipes.recipe("int8") is recipes.RECIPES["int8"]


def test_unknown_recipe_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="one of float32, float16, .*; received 'int4'"):
        recipes.recipe("int4")


def test_what_is_measured_for_a_fine_tuned_recipe_has_its_types_and_no_training():
    plain = recipes.recipe("int8_qat").without_fine_tuning
    assert (plain.weights, plain.activations, plain.interface) == ("int8",) * 3
    assert plain.fine_tuning is None
    assert plain.needs_calibration and not recipes.recipe("int8_qat").needs_calibration
