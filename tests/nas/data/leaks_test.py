"""Copies of images in a folder: none may make the accuracy of the test wrong."""

import shutil

import numpy as np
import pytest
import small_imagenet
from picture_folders import save_classes
from PIL import Image

from nas.data import loading
from nas.data.image_options import ImageOptions
from nas.data.splits import dataset


@pytest.fixture
def animals(tmp_path):
    root = tmp_path / "animals"
    for i in range(180):
        path = root / ("cat" if i < 90 else "dog") / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small_imagenet.picture(i, 120, 120).save(path)
    return root


def load(root, tmp_path, lines, **options):
    return loading.load(
        f"folder:{root}",
        str(tmp_path / "tfds"),
        images=ImageOptions(resolution=16, **options),
        report=lines.append,
    )


@pytest.mark.parametrize("cache", ["pixels", "files"])
@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_copies_stay_in_one_part(animals, tmp_path, suffix, cache):
    for path in [*animals.rglob("*.png")]:
        copy = path.with_name(f"copy_{path.stem}{suffix}")
        if suffix == ".png":
            shutil.copy(path, copy)
        else:
            Image.open(path).save(copy, quality=90)
    lines = []
    loaded = load(animals, tmp_path, lines, cache=cache)
    assert len(loaded.test) == 72
    places = {}
    for part in ("train", "validation", "test"):
        for file in loaded.files_of(getattr(loaded, part)):
            places.setdefault(file.name.replace("copy_", "").rpartition(".")[0], set()).add(part)
    assert all(len(parts) == 1 for parts in places.values())
    if suffix == ".png":
        assert set(dataset.count_duplicates(loaded).values()) == {0}
    np.testing.assert_array_equal(np.bincount(loaded.test.labels), [36, 36])
    assert any("360 images are equal or nearly equal to another" in line for line in lines)


def test_the_parts_do_not_depend_on_how_images_are_kept_or_resized(animals, tmp_path):
    for path in [*animals.rglob("*.png")][:40]:
        Image.open(path).save(path.with_suffix(".jpg"), quality=70)
    first = load(animals, tmp_path, [])
    second = loading.load(
        f"folder:{animals}",
        str(tmp_path / "other"),
        images=ImageOptions(resolution=32, cache="files"),
    )
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(
            getattr(first, part).positions, getattr(second, part).positions
        )


def test_copies_across_given_splits_are_named(tmp_path):
    root = tmp_path / "split"
    save_classes(root / "train", {"cat": 20, "dog": 20})
    for name in ("cat", "dog"):
        (root / "test" / name).mkdir(parents=True)
        for i in range(4):
            shutil.copy(root / f"train/{name}/{i:03d}.png", root / f"test/{name}/t{i}.png")
    lines = []
    load(root, tmp_path, lines)
    (line,) = (line for line in lines if "too high" in line)
    assert line.startswith("folder:split: 8 of 8 test images are equal or nearly equal to training")
    assert "train/cat/000.png" in line and "test/cat/t0.png" in line and "; and 5 more" in line


def test_one_picture_under_two_classes_is_named(animals, tmp_path):
    shutil.copy(animals / "cat/004.png", animals / "dog/wrong.png")
    lines = []
    load(animals, tmp_path, lines)
    (line,) = (line for line in lines if "several classes" in line)
    assert "1 picture is in several classes (cat/004.png and dog/wrong.png" in line
