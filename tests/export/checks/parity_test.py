import dataclasses
import json

import keras
import numpy as np
import pytest

from export import recipes
from export.checks import parity
from export.conversion import tflite

FLOAT32 = recipes.recipe("float32")
FLOAT16 = recipes.recipe("float16")
INT8 = recipes.recipe("int8")
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (600, 4, 4, 3)).astype(np.float32)

# Ten thousand images on which nothing is wrong; tests change what they are about.
FINE = parity.Parity(
    recipe="float32",
    num_images=10_000,
    max_abs_difference=1e-5,
    mean_abs_difference=1e-6,
    max_abs_logit=10.0,
    top1_agreement=1.0,
    accuracy_keras=0.75,
    accuracy_tflite=0.75,
    size_bytes=1000,
    compressed_size_bytes=900,
    operators={"CONV_2D": 1},
    oldest_runtime=None,
    int8_tensors=[],
    runtime="ai-edge-litert 2.3.0",
    provenance={},
)


def linear_model(seed=0):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    return keras.Model(inputs, keras.layers.Dense(5)(x), name="linear")


@pytest.fixture(scope="module")
def model():
    return linear_model()


@pytest.fixture(scope="module")
def content(model):
    return tflite.convert(model, FLOAT32)


def test_figures_of_a_faithful_file(model, content):
    logits = parity.logits_of(model, IMAGES)
    labels = np.where(np.arange(600) < 450, logits.argmax(axis=1), logits.argmin(axis=1))
    result = parity.compare(content, FLOAT32, IMAGES, labels, logits)
    assert result.num_images == 600
    assert result.accuracy_keras == result.accuracy_tflite == 0.75
    assert result.top1_agreement == 1.0
    assert result.max_abs_logit == pytest.approx(np.abs(logits).max())
    assert 0.0 <= result.mean_abs_difference <= result.max_abs_difference < 1e-5
    assert result.size_bytes == len(content)
    assert result.operators == {"FULLY_CONNECTED": 1, "MEAN": 1}
    assert result.int8_tensors == []
    assert 0 < result.compressed_size_bytes < result.size_bytes
    assert result.fine_tuning is None
    assert json.loads(json.dumps(result.to_dict()))["schema_version"] == 1


def test_logits_do_not_depend_on_the_last_short_batch(model):
    np.testing.assert_allclose(
        parity.logits_of(model, IMAGES)[-3:],
        parity.logits_of(model, IMAGES[-3:]),
        atol=1e-6,
    )


def test_another_network_fails_with_the_figures(content):
    other = parity.logits_of(linear_model(seed=1), IMAGES)
    with pytest.raises(parity.ParityError, match="largest difference .* top-1 agreement") as caught:
        parity.compare(content, FLOAT32, IMAGES, np.zeros(600, int), other)
    assert caught.value.parity.top1_agreement < 0.9


def test_logits_that_are_not_finite_fail(content):
    expected = np.full((600, 5), np.nan, np.float32)
    with pytest.raises(parity.ParityError, match="Keras network are not all finite"):
        parity.compare(content, FLOAT32, IMAGES, np.zeros(600, int), expected)


@pytest.mark.parametrize("images", [IMAGES[:0], IMAGES[:3]])
def test_images_without_a_label_each_are_refused(content, images):
    with pytest.raises(ValueError, match="as many labels"):
        labels = np.zeros(2 if len(images) else 0, int)
        parity.compare(content, FLOAT32, images, labels, np.zeros((len(images), 5)))


def test_nothing_wrong_passes():
    parity.check(FINE, FLOAT32)


def test_difference_is_held_against_the_largest_logit():
    parity.check(dataclasses.replace(FINE, max_abs_difference=0.9e-3), FLOAT32)
    with pytest.raises(parity.ParityError, match="largest difference 0.0011 is 0.00011"):
        parity.check(dataclasses.replace(FINE, max_abs_difference=1.1e-3), FLOAT32)


def test_agreement_is_granted_three_standard_errors():
    # 0.1 % of 10,000 are 10 images, their standard error 3.16: 19 pass, 20 do not.
    fine = dataclasses.replace(FINE, max_abs_difference=0.1)
    parity.check(dataclasses.replace(fine, top1_agreement=0.9981), FLOAT16)
    with pytest.raises(parity.ParityError, match="top-1 agreement 99.80%, expected 99.90%"):
        parity.check(dataclasses.replace(fine, top1_agreement=0.9980), FLOAT16)


def test_what_rounding_does_is_told_from_what_the_file_does():
    # A hundredth of the largest logit from the network itself, hardly anything once it is rounded.
    rounded = dataclasses.replace(FINE, max_abs_difference=0.1, max_unexplained_difference=9e-4)
    parity.check(rounded, FLOAT16)
    with pytest.raises(
        parity.ParityError, match="same rounded weights 0.0011 is 0.00011 .* 0.0001$"
    ):
        parity.check(dataclasses.replace(rounded, max_unexplained_difference=1.1e-3), FLOAT16)
    with pytest.raises(
        parity.ParityError, match="99.80%, expected 99.90%, caused by rounding .* float32$"
    ):
        parity.check(dataclasses.replace(rounded, top1_agreement=0.998), FLOAT16)


def test_accuracy_lost_on_many_images_fails():
    # 4 % disagreement on 10,000 images: standard error 0.2 points, so 1.1 points may be lost.
    lost = dataclasses.replace(FINE, top1_agreement=0.96, max_abs_difference=5.0)
    parity.check(dataclasses.replace(lost, accuracy_tflite=0.740), INT8)
    with pytest.raises(parity.ParityError, match="accuracy 73.80% against 75.00% in Keras"):
        parity.check(dataclasses.replace(lost, accuracy_tflite=0.738), INT8)


def test_fine_tuned_file_is_held_against_the_float_network_trained_as_long():
    tuned = parity.FineTuned(
        settings={},
        accuracy_parent=0.78,
        accuracy_network=0.779,
        parent_agreement=0.91,
        figures={},
    )
    qat = recipes.recipe("int8_qat")
    # 9 % disagreement: standard error 0.3 points, so 0.2 + 0.9 points may be lost.
    better = dataclasses.replace(FINE, fine_tuning=tuned, accuracy_tflite=0.77)
    parity.check(better, qat)
    with pytest.raises(parity.ParityError, match="76.80% against 78.00% in float, trained as long"):
        parity.check(dataclasses.replace(better, accuracy_tflite=0.768), qat)


def test_fine_tuned_file_is_compared_with_the_network_it_was_written_from(model, content):
    logits = parity.logits_of(model, IMAGES)
    parent = logits.copy()
    parent[:60] = -parent[:60]
    given = parity.FineTunedLogits(logits, parent, {"epochs": 1}, {"zero_weights": 0.5})
    labels = logits.argmax(axis=1)
    recipe = recipes.recipe("sparse")
    result = parity.compare(content, recipe, IMAGES, labels, np.zeros_like(logits), given)
    assert result.max_abs_difference < 1e-5
    assert result.fine_tuning.accuracy_network == 1.0
    assert result.fine_tuning.accuracy_parent == result.fine_tuning.parent_agreement == 0.9
    assert result.to_dict()["fine_tuning"]["figures"] == {"zero_weights": 0.5}


def test_same_loss_on_few_images_proves_nothing():
    few = dataclasses.replace(
        FINE, num_images=100, top1_agreement=0.94, accuracy_tflite=0.70, max_abs_difference=5.0
    )
    parity.check(few, INT8)


def test_accuracy_gained_is_no_fault():
    parity.check(
        dataclasses.replace(FINE, accuracy_tflite=0.80, top1_agreement=0.9, max_abs_difference=5),
        INT8,
    )


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_has_a_limit_that_holds(name):
    recipe = recipes.recipe(name)
    tuned = parity.FineTuned({}, 0.75, 0.75, 1.0, {}) if recipe.fine_tuning else None
    fine = dataclasses.replace(FINE, fine_tuning=tuned)
    parity.check(fine, recipe)
    # What the recipe allows, and a little more, with the same first class wherever it is right.
    lost = recipe.max_accuracy_drop
    parity.check(dataclasses.replace(fine, accuracy_tflite=0.75 - lost + 1e-6), recipe)
    with pytest.raises(
        parity.ParityError, match=f"{name}: the file differs too much .* allowed to lose"
    ):
        parity.check(dataclasses.replace(fine, accuracy_tflite=0.75 - lost - 1e-6), recipe)
