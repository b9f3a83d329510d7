import pytest

from nas.architecture import spaces
from nas.choices import additive_estimate
from nas.searching import algorithms
from nas.searching.search_config import SearchConfig

FIXED, WIDTHS = spaces.load_space("cifar"), spaces.load_space("cifar_widths")
LEAST = additive_estimate.LEAST_STEPS


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_what_is_suitable_is_accepted(name):
    for space in (FIXED, WIDTHS):
        for steps in (LEAST - 1, LEAST):
            derive = algorithms.suitable_derivation(name, space, steps)
            algorithms.check_derivation(SearchConfig(algorithm=name, derive=derive))


@pytest.mark.parametrize(
    ("name", "space", "steps", "expected"),
    [
        ("proxyless_gradient", WIDTHS, LEAST, "estimate"),
        ("proxyless_reinforce", WIDTHS, LEAST, "estimate"),
        ("proxyless_gradient", WIDTHS, LEAST - 1, "alpha"),
        ("proxyless_gradient", FIXED, LEAST, "alpha"),
        ("one_shot_single_path", WIDTHS, LEAST, "alpha"),
        ("random", WIDTHS, LEAST, "alpha"),
    ],
)
def test_the_estimate_chooses_in_place_of_alpha_where_widths_are_decisions(
    name, space, steps, expected
):
    assert algorithms.suitable_derivation(name, space, steps) == expected
