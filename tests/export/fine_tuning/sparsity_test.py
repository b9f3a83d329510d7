import numpy as np
import pytest

from export.fine_tuning import sparsity


def test_scores_are_those_worked_out_by_hand():
    # Squares 1, 4, 5 (sums from the top 10, 9, 5) and 100, 100, 200 (400, 300, 200): scores
    # 0.1, 0.44, 1 and 0.25, 0.33, 1. The least two of six are one of each kernel.
    kernels = {"small": np.sqrt([4.0, 1.0, 5.0]), "large": -np.sqrt([[200.0, 100.0, 100.0]])}
    assert sparsity.by_layer(kernels, 2 / 6) == pytest.approx({"small": 1 / 3, "large": 1 / 3})
    assert sparsity.by_layer(kernels, 3 / 6) == pytest.approx({"small": 1 / 3, "large": 2 / 3})
    assert sparsity.by_layer(kernels, 0.0) == {"small": 0.0, "large": 0.0}


def test_scale_of_a_kernel_makes_no_difference():
    draws = np.random.default_rng(0).normal(size=(2, 50))
    kernels = {"one": draws[0], "other": draws[1]}
    scaled = {"one": 1000 * draws[0], "other": draws[1]}
    assert sparsity.by_layer(kernels, 0.4) == sparsity.by_layer(scaled, 0.4)


def test_small_kernels_give_less_and_all_together_the_total():
    draw = np.random.default_rng(0).normal
    kernels = {"few": draw(size=(3, 3, 3, 8)), "many": draw(size=(1, 1, 64, 128))}
    shares = sparsity.by_layer(kernels, 0.5)
    assert shares["few"] < 0.2 < 0.5 < shares["many"]
    removed = sum(shares[name] * kernel.size for name, kernel in kernels.items())
    assert removed == pytest.approx(0.5 * (216 + 8192), abs=1)


def test_largest_weight_of_a_kernel_stays():
    kernels = {"one": np.ones(1), "many": np.random.default_rng(0).normal(size=100)}
    assert sparsity.by_layer(kernels, 0.99)["one"] == 0.0


@pytest.mark.parametrize(("kernels", "total"), [({}, 0.5), ({"one": np.ones(2)}, 1.0)])
def test_what_makes_no_sense_is_refused(kernels, total):
    with pytest.raises(ValueError, match="expected kernels and a share from 0 to below 1"):
        sparsity.by_layer(kernels, total)
