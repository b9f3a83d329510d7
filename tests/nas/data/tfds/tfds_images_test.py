import numpy as np
import pytest
import tensorflow_datasets as tfds

from nas.data import loading
from nas.data.image_options import ImageOptions
from nas.data.tfds import tfds_layout

rng = np.random.default_rng(0)


def write(data_dir, name, shape, splits, size=lambda i: (10 + i % 3, 14), hidden=()):
    """Writes a TFDS data set of random pictures; `splits` gives the size of each split."""
    with tfds.core.registered.skip_registration():

        class Made(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=shape, encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=["cat", "dog"]),
                }
                return self.dataset_info_from_configs(
                    features=tfds.features.FeaturesDict(features),
                    supervised_keys=("image", "label"),
                )

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(split) for split in splits}

            def _generate_examples(self, split):
                for i in range(splits[split]):
                    pixels = rng.integers(0, 256, (*size(i), shape[2]), np.uint8)
                    yield i, {"image": pixels, "label": -1 if split in hidden else i % 2}

    Made.name = name
    with tfds_layout._quiet():
        Made(data_dir=str(data_dir)).download_and_prepare()
    return str(data_dir)


def test_images_of_various_sizes_in_one_split(tmp_path):
    made = write(tmp_path, "various_animals", (None, None, 3), {"train": 50})
    lines, labels = [], []

    def track(examples, count, label):
        labels.append(label)
        return examples

    loaded = loading.load("various_animals", made, report=lines.append, track=track)
    assert loaded.input_shape == (8, 8, 3)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (32, 8, 10)
    assert loaded.class_names == ("cat", "dog")
    assert lines == [
        "various_animals: 50 images of 14x10 to 14x12 pixels, colour, cut to a square and resized "
        "to 8x8",
        "various_animals: has no test split; 10 images are held out for it",
    ]
    assert len(labels) == 2
    again = loading.load("various_animals", made, track=track)
    assert len(labels) == 2
    np.testing.assert_array_equal(again.test.images, loaded.test.images)
    np.testing.assert_array_equal(again.test.labels, loaded.test.labels)


def test_labels_stay_with_images_that_are_resized(tmp_path):
    # The gray level depends on the class.
    made = write(tmp_path, "levels", (None, None, 1), {"train": 20, "test": 6})
    loaded = loading.load("levels", made, images=ImageOptions(resolution=10))
    plain = tfds_layout.in_stored_order(tfds_layout.builder("levels", made), "test")
    for image, label, example in zip(
        loaded.test.images, loaded.test.labels, plain.as_numpy_iterator(), strict=True
    ):
        height, width, _ = example["image"].shape
        assert label == example["label"]
        if (height, width) == (10, 14):
            np.testing.assert_array_equal(image, example["image"][:, 2:12])


def test_transparent_images_of_one_size_become_colour(tmp_path):
    made = write(tmp_path, "clear", (8, 8, 4), {"train": 10, "test": 4}, size=lambda i: (8, 8))
    assert loading.load("clear", made).input_shape == (8, 8, 3)


def test_images_that_are_no_squares_become_squares(tmp_path):
    made = write(tmp_path, "wide", (16, 24, 3), {"train": 10, "test": 4}, size=lambda i: (16, 24))
    assert loading.load("wide", made).input_shape == (16, 16, 3)


def test_three_labelled_splits_are_used_as_they_are(tmp_path):
    splits = {"train": 20, "validation": 6, "test": 4}
    made = write(tmp_path, "sorted_animals", (8, 8, 3), splits, size=lambda i: (8, 8))
    loaded = loading.load("sorted_animals", made)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (20, 6, 4)
    assert len(set(loaded.train_and_validation.ids)) == 26


def test_a_test_split_without_labels_is_none(tmp_path):
    splits = {"train": 20, "validation": 6, "test": 4}
    made = write(tmp_path, "contest", (8, 8, 3), splits, size=lambda i: (8, 8), hidden=("test",))
    loaded = loading.load("contest", made)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (16, 4, 6)


def test_a_data_set_of_one_size_can_be_resized(fashion_data_dir):
    loaded = loading.load("fashion_mnist", fashion_data_dir, images=ImageOptions(resolution=32))
    assert loaded.input_shape == (32, 32, 1)
    assert loading.load("fashion_mnist", fashion_data_dir).input_shape == (28, 28, 1)


def test_flip_can_be_chosen(fashion_data_dir):
    loaded = loading.load("fashion_mnist", fashion_data_dir, images=ImageOptions(flip=False))
    assert not loaded.train.augmentation.flip


@pytest.mark.parametrize("resolution", [7, 1025])
def test_absurd_resolutions_are_refused(resolution):
    with pytest.raises(ValueError, match=f"resolution: expected 8 to 1024.*{resolution}"):
        ImageOptions(resolution=resolution)
