import pytest

from export.direct import activations


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, (-4.0, 8.0)),
        ("relu", (0.0, 8.0)),
        ("relu6", (0.0, 6.0)),
        ("hard_swish", (-0.375, 8.0)),
    ],
)
def test_an_activation_limits_the_range(name, expected):
    low, high, rms = activations.ENDINGS[name].after(-4.0, 8.0, 1.0)
    assert (low, high) == expected
    assert 0.0 < rms <= 1.0


def test_an_activation_is_fused_or_an_operator():
    for name, ending in activations.ENDINGS.items():
        assert (name is None) == (ending.fused == 0 and ending.operator is None)
        assert not (ending.fused and ending.operator)
