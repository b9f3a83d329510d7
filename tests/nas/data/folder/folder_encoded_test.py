"""Tests `nas.data.loading.load` with a folder whose images stay encoded in their files."""

import itertools
import pickle

import numpy as np
import pytest
import small_imagenet
import tensorflow as tf
from picture_folders import save_classes
from PIL import Image, ImageOps

from nas.architecture import spaces
from nas.data import batching, loading, machine_memory, split_record
from nas.data.image_options import ImageOptions
from nas.data.images import decoded_images, examination
from nas.data.splits.memory_split import MemorySplit
from nas.training import child_training
from nas.training.train_config import TrainConfig

FILES = ImageOptions(resolution=16, cache="files")


def load(folder, tmp_path, lines=None, images=FILES, **arguments):
    return loading.load(
        f"folder:{folder}",
        str(tmp_path / "tfds"),
        images=images,
        report=(lines if lines is not None else []).append,
        **arguments,
    )


def save(path, seed, size=(40, 30), **options):
    """Saves a smooth picture of `(width, height)` pixels; returns the pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = small_imagenet.picture(seed, size[1], size[0])
    image.save(path, **options)
    return np.asarray(image)


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for label, name in enumerate(("cat", "dog")):
        for i in range(15):
            save(root / name / f"{i:02d}.jpg", 100 * label + i, (30 + i, 50 - i), subsampling=0)
    return root


def batches(split, count, **arguments):
    stream = batching.training_batches(split, 4, seed=5, **arguments)
    return list(itertools.islice(stream.as_numpy_iterator(), count))


def assert_equal(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def central(seen):
    """The central crop of the pixels that an evaluation uses."""
    side = round(0.875 * min(seen.shape[:2]))
    top, left = (seen.shape[0] - side) // 2, (seen.shape[1] - side) // 2
    crop = seen[top : top + side, left : left + side]
    return tf.image.resize(crop, [16, 16], antialias=side > 32)


def file_names(loaded, split):
    return [file.name for file in loaded.files_of(getattr(loaded, split))]


def test_parts_labels_and_digests_are_those_of_decoded_images(photos, tmp_path):
    lines = []
    encoded = load(photos, tmp_path, lines)
    decoded = load(photos, tmp_path, images=ImageOptions(resolution=16, cache="pixels"))
    assert isinstance(decoded.train, MemorySplit)
    assert split_record.record(encoded) == split_record.record(decoded)
    assert encoded.input_shape == (16, 16, 3)
    for part in ("train", "validation", "test"):
        assert file_names(encoded, part) == file_names(decoded, part)
        np.testing.assert_array_equal(getattr(encoded, part).labels, getattr(decoded, part).labels)
    assert lines[0] == "folder:photos: 30 images of 30x50 to 40x40 pixels, colour"
    assert "30 encoded images" in lines[1] and "in their files" in lines[1]


def test_what_is_read_is_the_file_of_that_name(photos, tmp_path):
    loaded = load(photos, tmp_path)
    for part in (loaded.train, loaded.test, loaded.train_and_validation):
        for content, file in zip(
            part.read(np.arange(len(part))), loaded.files_of(part), strict=True
        ):
            assert content == (photos / file.name).read_bytes()


def test_evaluation_takes_the_central_crop(photos, tmp_path):
    loaded = load(photos, tmp_path)
    found = loaded.test.pixels(slice(None))
    for pixels, file in zip(found, loaded.files_of(loaded.test), strict=True):
        whole = small_imagenet.pixels((photos / file.name).read_bytes())
        np.testing.assert_allclose(pixels, central(whole), atol=0.51)


@pytest.mark.parametrize("first_step", [1, 4, 7])
def test_a_stream_goes_on_from_any_step_to_the_bit(photos, tmp_path, first_step):
    train = load(photos, tmp_path).train
    whole = batches(train, 9)
    assert_equal(batches(train, 9 - first_step, first_step=first_step), whole[first_step:])
    again = load(photos, tmp_path).train
    assert_equal(batches(again, 9), whole)


def test_images_in_memory_give_the_same_batches(photos, tmp_path):
    in_files = load(photos, tmp_path)
    lines = []
    kept = load(photos, tmp_path, lines, images=ImageOptions(resolution=16, cache="memory"))
    assert kept.train.contents is not None and in_files.train.contents is None
    assert "in memory" in lines[1]
    assert_equal(batches(kept.train, 5), batches(in_files.train, 5))


def test_images_that_do_not_fit_into_memory_are_refused(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(machine_memory, "available_bytes", lambda: 1000)
    with pytest.raises(ValueError, match="30 encoded images: expected at most.*--cache=files"):
        load(photos, tmp_path, images=ImageOptions(resolution=16, cache="memory"))


def test_folders_larger_than_memory_stay_in_their_files_without_being_asked(
    photos, tmp_path, monkeypatch
):
    monkeypatch.setattr(decoded_images, "LARGEST_BYTES", 30 * 16 * 16 * 3 - 1)
    lines = []
    loaded = load(photos, tmp_path, lines, images=ImageOptions(resolution=16))
    assert "in their files" in lines[1]
    assert_equal(batches(loaded.train, 3), batches(load(photos, tmp_path).train, 3))
    with pytest.raises(ValueError, match="smaller --resolution, or --cache=files"):
        load(photos, tmp_path, images=ImageOptions(resolution=16, cache="pixels"))


def test_validation_images_of_their_own_are_trained_on_in_the_end(tmp_path):
    root = tmp_path / "sorted"
    for split, count in {"train": 10, "val": 4, "test": 3}.items():
        save_classes(root / split, {"a": count, "b": count}, size=(20, 20))
    loaded = load(root, tmp_path)
    both = loaded.train_and_validation
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (20, 8, 6)
    assert {name.split("/")[0] for name in both.ids} == {"train", "validation"}
    names = [file.name for file in loaded.files_of(both)]
    assert {name.split("/")[0] for name in names} == {"train", "val"}
    assert np.isfinite(batches(both, 2)[1][0]).all()


def test_a_network_trains_on_them(photos, tmp_path):
    loaded = load(photos, tmp_path)
    child = spaces.SPACES["tiny"].child([0, 0, 2]).with_task(2, 16, 3)
    config = TrainConfig(epochs=1, batch_size=8, learning_rate=0.1)
    model = child_training.train(child, loaded, config, tmp_path / "train")
    assert 0.0 <= child_training.evaluate(model, loaded.test) <= 1.0


def _turned(path, seed):
    exif = Image.Exif()
    exif[0x0112] = 6  # Rotated by a quarter turn.
    save(path, seed, exif=exif, subsampling=0)
    return np.rot90(small_imagenet.pixels(path.read_bytes()), -1)


def _transparent(path, seed):
    image = small_imagenet.picture(seed, 30, 40)
    alpha = Image.new("L", image.size, 255)
    alpha.paste(0, (0, 0, 20, 30))
    image.putalpha(alpha)
    image.save(path)
    seen = np.asarray(image.convert("RGB")).copy()
    seen[:, :20] = 255
    return seen


def _palette(path, seed):
    image = small_imagenet.picture(seed, 30, 40).quantize(32)
    image.save(path)
    return np.asarray(image.convert("RGB"))


def _webp(path, seed):
    return save(path, seed, lossless=True)


def _gray_16(path, seed):
    gray = np.asarray(small_imagenet.picture(seed, 30, 40).convert("L")).copy()
    values = gray.astype(np.uint16) << 4
    # The range of the data set is that of its 16-bit images, here from 0 to the value of white.
    values[0, :2], gray[0, :2] = (0, 255 << 4), (0, 255)
    Image.fromarray(values).save(path)
    return np.repeat(gray[:, :, np.newaxis], 3, axis=2)


@pytest.mark.parametrize(
    ("name", "write", "by_pillow"),
    [
        ("plain.png", save, False),
        ("bitmap.bmp", save, True),
        ("turned.jpg", _turned, True),
        ("transparent.png", _transparent, True),
        ("picture.webp", _webp, True),
        ("gray.png", _gray_16, True),
        ("palette.png", _palette, True),
        ("really_a_png.jpg", lambda path, seed: save(path, seed, format="PNG"), False),
    ],
)
def test_every_kind_of_file_is_seen_as_where_images_are_decoded_first(
    photos, tmp_path, name, write, by_pillow
):
    path = photos / "cat" / name
    seen = write(path, 7)
    loaded = load(photos, tmp_path, validation_size=0)
    index = loaded.train.index
    row = index.names.index(f"cat/{name}")
    assert bool(index.by_pillow[row]) == by_pillow
    assert tuple(index.sizes[row]) == seen.shape[:2]
    part = next(p for p in (loaded.train, loaded.test) if row in p.positions)
    found = part.pixels(np.flatnonzero(part.positions == row))[0]
    np.testing.assert_allclose(found, central(seen), atol=0.51)
    assert_equal(batches(part, 1), batches(part, 1))


def test_gray_folders_give_gray_images(tmp_path):
    save_classes(tmp_path / "gray", {"cat": 10, "dog": 10}, mode="L", size=(20, 20))
    loaded = load(tmp_path / "gray", tmp_path)
    assert loaded.input_shape == (16, 16, 1)
    assert batches(loaded.train, 1)[0][0].shape == (4, 16, 16, 1)


@pytest.mark.parametrize("name", ["03.jpg", "new.png", "new.webp"])
def test_files_that_cannot_be_decoded_are_named_or_left_out(photos, tmp_path, name):
    path = photos / "dog" / name
    save(path, 1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=rf"1 of 3[01] images cannot be read \(dog/{name}"):
        load(photos, tmp_path)
    skip = ImageOptions(resolution=16, cache="files", skip_unreadable=True)
    lines = []
    loaded = load(photos, tmp_path, lines, images=skip)
    assert "1 unreadable left out" in lines[0]
    assert [file.name for file in loaded.files if file.digest is None] == [f"dog/{name}"]
    used = {n for part in ("train", "validation", "test") for n in file_names(loaded, part)}
    assert len(used) == len(loaded.files) - 1
    decoded = load(photos, tmp_path, images=ImageOptions(resolution=16, skip_unreadable=True))
    assert split_record.record(loaded) == split_record.record(decoded)


def test_a_file_that_changes_under_way_is_named(photos, tmp_path):
    train = load(photos, tmp_path).train
    name = train.index.names[train.positions[2]]
    (photos / name).write_bytes(b"short")
    with pytest.raises(ValueError, match=f"folder:photos: {name}: expected .* bytes as before"):
        with batching.named_faults(train):
            batches(train, len(train) // 4 + 1)
    (photos / name).unlink()
    with pytest.raises(ValueError, match=f"folder:photos: {name}: expected a readable file"):
        with batching.named_faults(train):
            batches(train, len(train) // 4 + 1)


@pytest.mark.parametrize("name", ["broken.jpg", "broken.webp"])
def test_a_file_that_stops_being_an_image_is_named(photos, tmp_path, name):
    path = photos / "cat" / name
    save(path, 3)
    loaded = load(photos, tmp_path)
    path.write_bytes(b"x" * path.stat().st_size)
    part = next(
        getattr(loaded, p)
        for p in ("train", "validation", "test")
        if f"cat/{name}" in file_names(loaded, p)
    )
    with pytest.raises(
        ValueError, match=rf"folder:photos: cat/{name}: .*cannot be decoded; repair"
    ):
        part.pixels(slice(None))


def test_files_are_looked_at_once(photos, tmp_path, monkeypatch):
    first = load(photos, tmp_path)
    monkeypatch.setattr(examination, "_made", None)
    assert_equal(batches(load(photos, tmp_path).train, 2), batches(first.train, 2))
    monkeypatch.undo()
    save(photos / "cat/00.jpg", 99)
    changed = load(photos, tmp_path)
    parts = ("train", "validation", "test")
    assert any(getattr(changed, p).digest != getattr(first, p).digest for p in parts)


def test_half_an_index_is_made_anew(photos, tmp_path):
    first = load(photos, tmp_path)
    (kept,) = (tmp_path / "tfds").rglob("files.npz")
    kept.write_bytes(kept.read_bytes()[:100])
    assert load(photos, tmp_path).summary == first.summary


def test_another_process_reads_the_files(photos, tmp_path):
    part = load(photos, tmp_path, images=ImageOptions(resolution=16, cache="memory")).test
    other = pickle.loads(pickle.dumps(part))
    assert other.contents is None
    np.testing.assert_array_equal(other.pixels(slice(None)), part.pixels(slice(None)))


def test_turning_follows_exif(tmp_path):
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / "turned" / "a" / f"{orientation}.jpg"
        save(path, orientation, exif=exif, quality=95)
        for i in range(3):
            save(tmp_path / "turned" / "b" / f"{orientation}{i}.jpg", 50 + i)
    index = load(tmp_path / "turned", tmp_path).train.index
    for name, size in zip(index.names, index.sizes, strict=True):
        upright = ImageOps.exif_transpose(Image.open(tmp_path / "turned" / name))
        assert tuple(size) == (upright.height, upright.width)
