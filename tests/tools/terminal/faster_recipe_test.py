import pytest

from tools.terminal import faster_recipe


@pytest.mark.parametrize(
    ("recipe", "times", "expected"),
    [
        (
            "int8",
            {"float32": 0.082, "int8": 0.105},
            "the float32 file of this network is faster here than int8: 0.082 ms instead of 0.105 "
            "ms with 75.00 % accuracy; ship that file, or search for it with --recipe=float32 (or "
            "--recipe=fastest) and another --workdir",
        ),
        ("float32", {"float32": 0.082, "int8": 0.105}, None),
        # Within the differences of repeated measurements.
        ("int8", {"float32": 0.104, "int8": 0.105}, None),
        ("int8", {"float32": 0.082}, None),
        (None, {}, None),
    ],
)
def test_a_faster_file_of_the_same_network_is_named(recipe, times, expected):
    assert faster_recipe.sentence(recipe, times, {"float32": 0.75}) == expected
