import pathlib

import pytest

from export import recipes
from latency_models.models import selection
from nas.architecture import spaces
from nas.searching import algorithms
from tools.workflow import presets


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
    with pytest.raises(ValueError, match="expected one of quick, cifar10, .*; received 'fast'"):
        presets.preset("fast")


def test_the_imagenet_presets_are_the_references():
    """Schedules of the authors' released code; their decay 4e-5 is L2, ours decoupled."""
    search, train = presets.preset("imagenet").search, presets.preset("imagenet_child").train
    assert (search.warmup_epochs, search.epochs, search.batch_size) == (40, 120, 256)
    assert (search.warmup_learning_rate, search.learning_rate) == (0.05, 0.025)
    assert (search.arch_learning_rate, search.arch_period) == (1e-3, 5)
    assert (train.epochs, train.batch_size, train.learning_rate) == (300, 256, 0.05)
    for name in ("imagenet", "imagenet_child"):
        preset = presets.preset(name)
        assert preset.validation_size == 50_000
        assert preset.images.preferred_resolution == 224
        assert preset.images.cache == "files"
    assert spaces.load_child(presets.preset("imagenet_child").child).resolution == 224


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "imagenet_child"])
def test_a_preset_of_full_length_has_its_page(name):
    page = pathlib.Path(__file__).resolve().parents[3] / f"docs/presets/{name}.md"
    assert page.name in presets.preset(name).description
    assert f"--preset={name} " in page.read_text("utf-8")
