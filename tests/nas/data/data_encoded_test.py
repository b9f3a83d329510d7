"""Tests `nas.data.loading.load` with images that stay encoded, and training on them."""

import numpy as np
import pytest
import small_imagenet

from nas.architecture import spaces
from nas.data import batching, loading
from nas.data.image_options import ImageOptions
from nas.training import child_training
from nas.training.train_config import TrainConfig

FILES = ImageOptions(resolution=32, cache="files")


@pytest.fixture(scope="module")
def imagenet(imagenet_data_dir):
    return loading.load("imagenet2012", imagenet_data_dir, validation_size=8, images=FILES)


def test_the_official_validation_part_is_the_test(imagenet):
    assert (len(imagenet.train), len(imagenet.validation), len(imagenet.test)) == (40, 8, 8)
    assert imagenet.test.source == "validation"
    assert (imagenet.num_classes, imagenet.input_shape) == (1000, (32, 32, 3))


def test_validation_images_are_balanced_and_taken_from_the_training_images(imagenet):
    np.testing.assert_array_equal(np.bincount(imagenet.validation.labels), [2] * 4)
    ids = [*imagenet.train.ids, *imagenet.validation.ids]
    assert sorted(ids) == sorted(f"train/{i}" for i in range(48))


def test_images_of_several_splits_are_found_and_joined(imagenet):
    both = imagenet.train.join(imagenet.test)
    index = both.index.parts
    for i in (0, 39, 40, 47):
        part = index["train" if i < 40 else "validation"]
        assert both.read(np.array([i]))[0] == part.read(both.positions[i])
        assert both.index.title(both.rows[i]) == part.title(both.positions[i])
    assert both.image_digests() == [*imagenet.train.image_digests(), *imagenet.test.image_digests()]
    assert len(set(both.ids)) == 48


def test_the_seed_picks_them(imagenet, imagenet_data_dir):
    def ids(seed):
        loaded = loading.load(
            "imagenet2012", imagenet_data_dir, validation_size=8, seed=seed, images=FILES
        )
        return set(loaded.validation.ids)

    assert ids(0) == set(imagenet.validation.ids) != ids(1)


def test_images_in_memory_give_the_same_batches(imagenet, imagenet_data_dir):
    options = ImageOptions(resolution=32, cache="memory")
    kept = loading.load("imagenet2012", imagenet_data_dir, validation_size=8, images=options)
    assert kept.train.contents is not None
    first, second = (
        next(batching.training_batches(d.train_and_validation, 16, seed=0).as_numpy_iterator())
        for d in (kept, imagenet)
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_the_png_and_the_printing_colours_among_imagenets_files_are_decoded_right(tmp_path):
    pictures = small_imagenet.training_pictures(2, 6)
    image = small_imagenet.picture(77, 64, 64)
    # TFDS knows these two files by their names.
    special = {
        "n02105855_2933.JPEG": small_imagenet.encoded(image, "PNG"),
        "n01739381_1309.JPEG": small_imagenet.encoded(image.convert("CMYK")),
    }
    pictures["n01440764"] |= special
    small_imagenet.prepare(tmp_path, pictures)
    train = loading.load("imagenet2012", str(tmp_path), validation_size=0, images=FILES).train
    names = list(train.index.parts["train"].names[train.positions])
    expected = image.crop((4, 4, 60, 60)).resize((32, 32), 2)
    for name in special:
        found = train.pixels(np.array([names.index(name.encode())]))[0]
        assert np.abs(found.astype(int) - np.asarray(expected)).mean() < 8


def test_a_network_trains_on_them(imagenet, tmp_path):
    child = spaces.SPACES["tiny"].child([0, 0, 2]).with_task(1000, 32, 3)
    config = TrainConfig(epochs=1, batch_size=24, learning_rate=0.1)
    model = child_training.train(child, imagenet, config, tmp_path)
    assert np.isfinite(model.get_weights()[0]).all()
    assert 0.0 <= child_training.evaluate(model, imagenet.test) <= 1.0
    assert (tmp_path / "metrics.jsonl").read_text().count("\n") == 1
