import pytest

from export import recipes
from latency_models import selection
from nas import algorithms, spaces
from tools import presets


@pytest.mark.parametrize("name", presets.PRESETS)
def test_every_name_in_a_preset_exists_and_its_numbers_fit(name):
    preset = presets.preset(name)
    space = spaces.load_space(preset.space)
    assert preset.recipe in preset.recipes
    for recipe in preset.recipes:
        recipes.recipe(recipe)
    algorithms.algorithm(preset.search.algorithm, preset.search)
    assert 0.0 <= preset.target_latency <= 1.0
    assert selection.MIN_NETWORKS <= preset.networks <= space.cardinality
    assert preset.search.target == 0.0  # Known only once latencies are.
    assert preset.validation_size >= preset.search.batch_size


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="expected one of quick, tiny; received 'fast'"):
        presets.preset("fast")
