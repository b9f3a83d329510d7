import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from nas.data import loading
from nas.data.image_options import ImageOptions
from nas.data.tfds import tfds_layout

rng = np.random.default_rng(0)


def write(
    data_dir, name, shape, splits, size=lambda i: (10 + i % 3, 14), hidden=(), dtype=np.uint8
):
    """Writes a TFDS data set of random pictures; `splits` gives the size of each split."""
    with tfds.core.registered.skip_registration():

        class Made(tfds.core.GeneratorBasedBuilder):
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                features = {
                    "image": tfds.features.Image(shape=shape, dtype=dtype, encoding_format="png"),
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
                    most = 256 if dtype == np.uint8 else 4096
                    pixels = rng.integers(0, most, (*size(i), shape[2])).astype(dtype)
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
    assert len(labels) == 3
    again = loading.load("various_animals", made, track=track)
    assert len(labels) == 3
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


@pytest.mark.parametrize("cache", ["auto", "files"])
@pytest.mark.parametrize("shape", [(16, 16, 1), (None, None, 3)])
def test_16_bit_images_are_scaled_from_the_range_that_they_use(tmp_path, shape, cache):
    splits = {"train": 20, "test": 10}
    made = write(tmp_path, "counts", shape, splits, size=lambda i: (16, 16), dtype=np.uint16)
    lines = []
    options = ImageOptions(resolution=16, cache=cache)
    loaded = loading.load("counts", made, images=options, report=lines.append)
    assert loaded.levels.black <= 2 and 4093 <= loaded.levels.white <= 4095
    assert any("16-bit values from" in line for line in lines)
    assert abs(loaded.test.pixels(slice(None)).mean() - 127.5) < 3


def damage(made, name, change):
    """Changes the bytes of an encoded image of a prepared data set, keeping its checksums right."""
    builder = tfds_layout.builder(name, made)
    (path,) = builder.info.splits["train"].filepaths
    records = [r.numpy() for r in tf.data.TFRecordDataset([str(path)])]
    example = tf.train.Example.FromString(records[3])
    image = example.features.feature["image"].bytes_list
    image.value[0] = change(image.value[0])
    records[3] = example.SerializeToString()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


@pytest.mark.parametrize("shape", [(16, 16, 3), (None, None, 3)])
@pytest.mark.parametrize("cache", ["auto", "files"])
def test_a_damaged_image_is_named_or_left_out(tmp_path, shape, cache):
    made = write(tmp_path, "torn", shape, {"train": 20, "test": 5}, size=lambda i: (16, 16))
    damage(made, "torn", lambda png: png[:300] + bytes(len(png) - 300))
    options = ImageOptions(resolution=16, cache=cache)
    with pytest.raises(ValueError, match=r"torn: 1 of 2\d images cannot be read \(train/3: "):
        loading.load("torn", made, images=options)
    skip = ImageOptions(resolution=16, cache=cache, skip_unreadable=True)
    loaded = loading.load("torn", made, images=skip)
    assert len(loaded.train_and_validation) == 19
    assert "train/3" not in loaded.train_and_validation.ids


def test_flip_can_be_chosen(fashion_data_dir):
    loaded = loading.load("fashion_mnist", fashion_data_dir, images=ImageOptions(flip=False))
    assert not loaded.train.augmentation.flip


@pytest.mark.parametrize("resolution", [7, 1025])
def test_absurd_resolutions_are_refused(resolution):
    with pytest.raises(ValueError, match=f"resolution: expected 8 to 1024.*{resolution}"):
        ImageOptions(resolution=resolution)


@pytest.mark.parametrize("cache", ["auto", "files"])
def test_channels_can_be_chosen(fashion_data_dir, cache):
    shapes = {
        channels: loading.load(
            "fashion_mnist",
            fashion_data_dir,
            images=ImageOptions(resolution=28, channels=channels, cache=cache),
        ).input_shape
        for channels in ("auto", "rgb", "gray")
    }
    assert shapes == {"auto": (28, 28, 1), "rgb": (28, 28, 3), "gray": (28, 28, 1)}
