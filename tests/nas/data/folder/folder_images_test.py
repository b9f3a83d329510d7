import dataclasses

import numpy as np
import pytest
from picture_folders import save_classes, save_picture
from PIL import Image

from nas.data import loading
from nas.data.image_options import ImageOptions
from nas.data.images import decoding
from nas.data.splits import dataset


def load(folder, tmp_path, lines=None, **arguments):
    return loading.load(
        f"folder:{folder}",
        str(tmp_path / "tfds"),
        report=(lines if lines is not None else []).append,
        **arguments,
    )


def file_names(loaded, split):
    return {file.name for file in loaded.files_of(getattr(loaded, split))}


@pytest.fixture
def animals(tmp_path):
    return save_classes(tmp_path / "animals", {"cat": 20, "dog": 30, "owl": 10})


def test_a_folder_becomes_a_data_set_of_three_parts(animals, tmp_path):
    loaded = load(animals, tmp_path)
    assert loaded.name == "folder:animals"
    assert loaded.class_names == ("cat", "dog", "owl")
    assert loaded.input_shape == (8, 8, 3)
    # A fifth for the test split, then a fifth of the rest for validation.
    assert list(np.bincount(loaded.test.labels)) == [4, 6, 2]
    assert list(np.bincount(loaded.validation.labels)) == [3, 4, 1]
    assert list(np.bincount(loaded.train.labels)) == [13, 20, 7]


def test_no_image_stands_in_two_parts_and_none_is_lost(animals, tmp_path):
    loaded = load(animals, tmp_path)
    parts = [file_names(loaded, split) for split in ("train", "validation", "test")]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60
    assert set(dataset.count_duplicates(loaded).values()) == {0}


def test_images_and_labels_belong_to_their_files(animals, tmp_path):
    loaded = load(animals, tmp_path)
    for split in (loaded.train, loaded.validation, loaded.test):
        for file, image, label in zip(
            loaded.files_of(split), split.images, split.labels, strict=True
        ):
            assert file.name.split("/")[0] == loaded.class_names[label]
            expected = decoding.decode((animals / file.name).read_bytes(), 8, 3)
            np.testing.assert_array_equal(image, expected)


def test_the_test_part_depends_on_no_seed_and_the_validation_part_does(animals, tmp_path):
    one, other = load(animals, tmp_path, seed=0), load(animals, tmp_path, seed=1)
    assert file_names(one, "test") == file_names(other, "test")
    assert file_names(one, "validation") != file_names(other, "validation")
    same = load(animals, tmp_path, seed=0)
    np.testing.assert_array_equal(same.train.positions, one.train.positions)


def test_new_files_leave_most_test_images_where_they_are(animals, tmp_path):
    before = file_names(load(animals, tmp_path), "test")
    save_picture(animals / "dog/new.png", seed=77)
    after = file_names(load(animals, tmp_path), "test")
    assert len(before & after) >= len(before) - 1


def test_splits_of_the_folder_are_kept_as_they_are(tmp_path):
    root = tmp_path / "sorted"
    for i, (split, count) in enumerate({"train": 10, "val": 4, "test": 3}.items()):
        save_classes(root / split, {"a": count, "b": count}, size=(8 + i, 9))
    loaded = load(root, tmp_path, validation_size=1)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (20, 8, 6)
    assert all(name.startswith("val/") for name in file_names(loaded, "validation"))
    assert all(name.startswith("test/") for name in file_names(loaded, "test"))
    together = loaded.train_and_validation
    assert len(set(together.ids)) == 28
    assert {source.split("/")[0] for source in together.ids} == {"train", "validation"}


def test_a_missing_test_part_is_taken_from_train_alone(tmp_path):
    root = tmp_path / "sorted"
    save_classes(root / "train", {"a": 10, "b": 10})
    save_classes(root / "val", {"a": 5, "b": 5}, size=(9, 9))
    loaded = load(root, tmp_path)
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (16, 10, 4)


def test_a_rare_class_is_never_taken_from_training_altogether(tmp_path):
    root = save_classes(tmp_path / "rare", {"common": 100, "pair": 2, "single": 1})
    loaded = load(root, tmp_path, validation_size=5000)
    assert list(np.bincount(loaded.train.labels)) == [65, 1, 1]
    assert list(np.bincount(loaded.test.labels)) == [19, 1]
    assert list(np.bincount(loaded.validation.labels)) == [16]


def test_photos_are_mirrored_and_characters_are_not(tmp_path):
    photos = save_classes(tmp_path / "photos", {"cat": 5, "dog": 5})
    digits = save_classes(tmp_path / "digits", {"0": 5, "1": 5})
    lines = []
    assert load(photos, tmp_path, lines).train.augmentation.flip
    assert not load(digits, tmp_path, lines).train.augmentation.flip
    assert any("look like characters" in line for line in lines)
    asked = ImageOptions(flip=True)
    assert load(digits, tmp_path, images=asked).test.augmentation.flip
    assert not load(photos, tmp_path, images=ImageOptions(flip=False)).train.augmentation.flip


def test_what_is_left_out_is_reported(animals, tmp_path):
    (animals / "cat/notes.txt").touch()
    lines = []
    load(animals, tmp_path, lines)
    assert lines[0].startswith("folder:animals: 60 images of 12x10 pixels, colour")
    assert "notes.txt" in lines[1]
    assert lines[2] == ("folder:animals: has no test split; 12 images are held out for it")


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_classes_that_gray_alone_tells_apart_are_named(tmp_path, suffix):
    for i in range(30):
        name, mode = (("cat", "RGB"), ("dog", "L"), ("owl", "L" if i < 15 else "RGB"))[i % 3]
        save_picture(tmp_path / f"toys/{name}/{i}.{suffix}", (32, 32), mode, seed=i)
    (path,) = (tmp_path / f"toys/dog/1.{suffix}",)
    Image.open(path).convert("RGB").save(path)  # Gray all the same.
    lines = []
    load(tmp_path / "toys", tmp_path, lines)
    (line,) = (line for line in lines if "gray" in line)
    assert "all images of dog are gray, and none of cat: a network would" in line
    lines = []
    load(tmp_path / "toys", tmp_path, lines, images=ImageOptions(channels="gray"))
    assert not any("--channels" in line for line in lines)


def test_a_class_that_no_split_could_be_taken_from_is_named(tmp_path):
    root = save_classes(tmp_path / "toys", {"a": 20, "b": 2, "c": 2}, size=(40, 40))
    Image.open(root / "b/000.png").save(root / "b/001.png", compress_level=1)
    lines = []
    loaded = load(root, tmp_path, lines)
    assert len(loaded.test) and len(loaded.validation)
    lacking = [line for line in lines if "has no image of" in line]
    assert [line.split(",")[0] for line in lacking] == [
        "folder:toys: validation has no image of b",
        "folder:toys: test has no image of b",
    ]
    assert lacking[0].startswith("folder:toys: validation has no image of b, c, of which there are")


@pytest.mark.parametrize("skip", [False, True])
def test_one_bright_image_that_makes_all_others_dark_is_named(tmp_path, skip):
    rng = np.random.default_rng(0)
    for i in range(20):
        pixels = rng.integers(100, 4000, (16, 16)).astype(np.uint16)
        path = tmp_path / f"counts/{'ab'[i % 2]}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    options = ImageOptions(skip_unreadable=skip)
    if skip:
        (tmp_path / "counts/a/broken.png").write_bytes(b"")
    lines = []
    load(tmp_path / "counts", tmp_path, lines, images=options)
    assert not any("dark" in line for line in lines)
    pixels[0, 0] = 65535
    Image.fromarray(pixels).save(tmp_path / "counts/b/hot.png")
    for cache in ("pixels", "files"):
        lines = []
        images = dataclasses.replace(options, cache=cache, resolution=16)
        load(tmp_path / "counts", tmp_path, lines, images=images)
        (line,) = (line for line in lines if "dark" in line)
        assert "no value above 3,9" in line and "b/hot.png has 65,535" in line


def test_a_class_without_a_readable_training_image_is_refused(animals, tmp_path):
    for path in (animals / "owl").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"10 of 60 images cannot be read \(owl/000\.png"):
        load(animals, tmp_path)
    with pytest.raises(ValueError, match="none of owl can be read"):
        load(animals, tmp_path, images=ImageOptions(skip_unreadable=True))


def test_unreadable_images_are_left_out_when_asked_for(animals, tmp_path):
    (animals / "cat/003.png").write_bytes(b"")
    loaded = load(animals, tmp_path, images=ImageOptions(skip_unreadable=True))
    assert len(loaded.train) + len(loaded.validation) + len(loaded.test) == 59
    assert [file.name for file in loaded.files if file.digest is None] == ["cat/003.png"]


def test_the_identity_of_a_run_depends_on_what_files_hold(animals, tmp_path):
    before = load(animals, tmp_path)
    changed = animals / next(iter(file_names(before, "train")))
    save_picture(changed, seed=99)
    after = load(animals, tmp_path)
    assert before.summary != after.summary
    assert {**before.summary, "content": 0} == {**after.summary, "content": 0}
    # A changed test image does not change the identity of a search.
    save_picture(animals / next(iter(file_names(after, "test"))), seed=98)
    assert load(animals, tmp_path).summary == after.summary


def test_too_few_images_are_refused(tmp_path):
    root = save_classes(tmp_path / "few", {"a": 2, "b": 1})
    with pytest.raises(ValueError, match="folder:few: expected at least 5 images, .* received 3"):
        load(root, tmp_path)
    root = save_classes(tmp_path / "one", {"a": 1, "b": 1, "c": 1})
    with pytest.raises(ValueError, match="folder:one: .* one image of each of 3 classes"):
        load(root, tmp_path)


@pytest.mark.parametrize("cache", ["pixels", "files"])
@pytest.mark.parametrize(("mode", "own"), [("L", 1), ("RGB", 3)])
def test_channels_can_be_chosen(tmp_path, mode, own, cache):
    root = save_classes(tmp_path / "toys", {"a": 10, "b": 10}, mode=mode, size=(16, 16))
    found = {}
    for channels in ("auto", "rgb", "gray", "auto"):
        options = ImageOptions(resolution=16, cache=cache, channels=channels)
        lines = []
        loaded = load(root, tmp_path, lines, images=options)
        assert loaded.input_shape[2] == {"auto": own, "rgb": 3, "gray": 1}[channels]
        found[channels] = loaded.test.pixels(slice(None))
    pixels = found["rgb"]
    if mode == "L":
        np.testing.assert_array_equal(pixels, np.repeat(found["gray"], 3, axis=3))
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(found["gray"][..., 0], luma, atol=2.0)
    np.testing.assert_array_equal(found["auto"], found["rgb" if own == 3 else "gray"])
