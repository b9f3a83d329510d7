import keras
import numpy as np
import pytest

from nas.data.splits.memory_split import MemorySplit
from nas.training import recalibration


@pytest.fixture
def model():
    inputs = keras.Input((2, 2, 3))
    outputs = keras.layers.BatchNormalization(momentum=0.9, name="norm")(inputs)
    return keras.Model(inputs, outputs)


def test_moments_become_the_average_over_the_batches_whatever_stood_there(model):
    generator = np.random.default_rng(0)
    batches = [generator.normal(i, 1.0 + i, (8, 2, 2, 3)).astype(np.float32) for i in range(3)]
    model.get_layer("norm").moving_mean.assign([7.0, 7.0, 7.0])
    model.get_layer("norm").moving_variance.assign([9.0, 9.0, 9.0])
    recalibration.recalibrate(model, batches)
    norm = model.get_layer("norm")
    means = [batch.mean(axis=(0, 1, 2)) for batch in batches]
    variances = [batch.var(axis=(0, 1, 2)) for batch in batches]
    np.testing.assert_allclose(norm.moving_mean, np.mean(means, axis=0), rtol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, np.mean(variances, axis=0), rtol=1e-5)


def test_weights_and_momentum_stay(model):
    before = [np.array(weight) for weight in model.trainable_weights]
    recalibration.recalibrate(model, [np.ones((4, 2, 2, 3), np.float32)])
    assert model.get_layer("norm").momentum == 0.9
    for old, new in zip(before, model.trainable_weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_no_batch_is_refused(model):
    with pytest.raises(ValueError, match="at least one batch"):
        recalibration.recalibrate(model, [])


@pytest.mark.parametrize(("pixels", "largest"), [(8, 40), (224, 32)])
def test_large_images_come_in_small_batches(pixels, largest):
    images = np.arange(40, dtype=np.uint8)[:, None, None, None] * np.ones(
        (1, pixels, pixels, 1), np.uint8
    )
    split = MemorySplit(images, np.zeros(40, np.int64), "train", np.arange(40))
    batches = recalibration.batches(split)
    assert max(len(batch) for batch in batches) <= largest
    assert len(batches) == -(-40 // largest)
    seen = sorted(round(float(127.5 * (image[0, 0, 0] + 1.0))) for b in batches for image in b)
    assert seen == list(range(40))
    assert split.images_at_once(500) == min(500, 1_606_000 // pixels**2)
