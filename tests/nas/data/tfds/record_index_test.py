import pathlib
import shutil
import types

import numpy as np
import pytest
import small_imagenet

from nas.data import loading
from nas.data.image_options import ImageOptions
from nas.data.images import stored_arrays
from nas.data.tfds import record_index, tfds_layout


def index_of(data_dir, split="train"):
    return record_index.load(tfds_layout.builder("imagenet2012", str(data_dir)), split)


@pytest.fixture
def copied(imagenet_data_dir, tmp_path):
    """A copy of the data set without its index."""
    path = shutil.copytree(imagenet_data_dir, tmp_path / "tfds")
    for made in path.rglob("index_*.npz"):
        made.unlink()
    return path


def test_every_image_is_found_by_its_bytes_class_and_size(imagenet_data_dir):
    index = index_of(imagenet_data_dir)
    pictures = {
        name: (label, content)
        for label, of_class in enumerate(small_imagenet.training_pictures().values())
        for name, content in of_class.items()
    }
    assert len(index) == len(pictures) == 48
    for i in range(len(index)):
        label, content = pictures[index.names[i].decode()]
        assert index.read(i) == content
        assert index.labels[i] == label
    first = index.names[0].decode()
    seed = 1000 * index.labels[0] + int(first.partition("_")[2].removesuffix(".JPEG"))
    assert tuple(index.sizes[0]) == tuple(np.random.default_rng(seed).integers(40, 90, 2))
    assert index.title(0) == f"imagenet2012 train/0 ({first})"


def test_positions_are_those_of_tfds(imagenet_data_dir):
    builder = tfds_layout.builder("imagenet2012", imagenet_data_dir)
    stored = tfds_layout.in_stored_order(builder, "train", encoded=True)
    names = [example["file_name"] for example in stored.as_numpy_iterator()]
    assert list(index_of(imagenet_data_dir).names) == names


def test_it_is_made_once(copied, monkeypatch):
    made = index_of(copied)
    monkeypatch.setattr(record_index, "_collected", None)
    again = index_of(copied)
    np.testing.assert_array_equal(made.offsets, again.offsets)
    assert again.read(5) == made.read(5)


def test_it_is_made_anew_when_half_of_it_or_of_other_files(copied):
    index_of(copied)
    (kept,) = copied.rglob("index_train.npz")
    whole = kept.read_bytes()
    kept.write_bytes(whole[: len(whole) // 2])
    assert index_of(copied).read(7)[:2] == b"\xff\xd8"
    assert kept.read_bytes() == whole
    np.savez(kept, identity=np.array("of another data set"))
    assert len(index_of(copied)) == 48


def test_an_index_that_cannot_be_kept_serves_all_the_same(copied, monkeypatch):
    def refused(path, write):
        raise PermissionError(path)

    monkeypatch.setattr(stored_arrays.files, "write_with", refused)
    assert len(index_of(copied)) == 48
    assert not list(copied.rglob("index_*.npz"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image at all", "15 bytes: a text file"),
        (
            small_imagenet.training_pictures()["n01440764"]["n01440764_0.JPEG"][:-300],
            "a JPEG that is cut off",
        ),
        (small_imagenet.encoded(small_imagenet.picture(0, 30, 30), "TIFF"), "a TIFF image"),
        (small_imagenet.encoded(small_imagenet.picture(0, 30, 30), "PNG")[:-12], "is cut off"),
        (small_imagenet.encoded(small_imagenet.picture(0, 30, 30), "WEBP")[:-12], "a WebP that"),
        (small_imagenet.encoded(small_imagenet.picture(0, 30, 30), "BMP")[:-12], "cut off"),
    ],
)
def test_a_damaged_image_is_named(tmp_path, content, reason):
    pictures = small_imagenet.training_pictures(2, 3)
    pictures["n01443537"]["n01443537_1.JPEG"] = content
    small_imagenet.prepare(tmp_path, pictures)
    with pytest.raises(
        ValueError, match=rf"1 of 6 images .* \(train/\d \(n01443537_1.JPEG\): .*({reason})"
    ):
        index_of(tmp_path)
    skip = ImageOptions(resolution=16, cache="files", skip_unreadable=True)
    lines = []
    loaded = loading.load("imagenet2012", str(tmp_path), images=skip, report=lines.append)
    assert len(loaded.train_and_validation) == 5
    assert lines[0] == "imagenet2012: 1 unreadable images left out"


def test_a_file_that_became_shorter_is_named(copied):
    index = index_of(copied)
    path = pathlib.Path(index.paths[0])
    path.write_bytes(path.read_bytes()[: int(index.offsets[3])])
    with pytest.raises(ValueError, match="imagenet2012-train.*the file has become shorter"):
        index.read(3)


def test_files_that_cannot_be_read_in_any_order_are_refused(copied, monkeypatch):
    builder = tfds_layout.builder("imagenet2012", str(copied))
    other = types.SimpleNamespace(value="array_record")
    monkeypatch.setattr(type(builder.info), "file_format", other)
    with pytest.raises(ValueError, match="format tfrecord.*found array_record"):
        record_index.load(builder, "train")
