import made_wide_workdir
import made_workdir
import pytest

from tools.terminal import notation

WIDE = made_wide_workdir.space()
CHOICES = (1, 5, 0, 4, 3, 2, 2, 0, 4, 1, 0)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("k5 e3", "k5e3"),
        ("skip", "skip"),
        ("k5 e6 se0.25 hard_swish", "k5_e6_se0.25_hard_swish"),
        ("24", "24"),
    ],
)
def test_operations_have_no_spaces(label, expected):
    assert notation.operation(label) == expected


def test_a_network_ends_with_its_sizes():
    words = notation.network(WIDE, CHOICES).split(" ")
    assert words[:3] == ["k5_e6_se0.25_hard_swish", "-", "k3_e3_relu"]
    assert words[6:] == ["w1=32", "w2=24", "w3=160", "w4=192", "48px"]
    assert notation.network(made_workdir.space(), (0, 1, 2)) == "k3e1 k5e3 -"


def test_sizes_are_named_and_fixed_ones_are_not():
    assert notation.sizes(WIDE, CHOICES) == "widths w1 32, w2 24, w3 160, w4 192; 48 pixels"
    assert notation.sizes(made_workdir.space(), (0, 1, 2)) == ""


def test_decisions_are_counted():
    expected = "6 slots with 33 candidates, 4 widths with 14 numbers and 2 resolutions"
    assert notation.counts(WIDE) == expected
    assert notation.counts(made_workdir.space()) == "3 slots with 7 candidates"
