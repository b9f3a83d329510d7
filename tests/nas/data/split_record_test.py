import json

import numpy as np
import pytest
from picture_folders import save_classes, save_picture
from PIL import Image

from nas.data import loading, split_record
from nas.data.image_options import ImageOptions


@pytest.fixture
def animals(tmp_path):
    return save_classes(tmp_path / "animals", {"cat": 10, "dog": 10})


@pytest.fixture
def load(animals, tmp_path):
    return lambda **options: loading.load(f"folder:{animals}", str(tmp_path / "tfds"), **options)


def test_every_file_stands_under_its_part(load, tmp_path):
    assert split_record.update(load(), tmp_path / "run") is None
    found = json.loads((tmp_path / "run/splits.json").read_text())
    assert (found["schema_version"], found["dataset"]) == (1, "folder:animals")
    assert found["class_names"] == ["cat", "dog"]
    assert [len(found[part]) for part in ("train", "validation", "test")] == [14, 2, 4]
    assert "git_revision" in found["provenance"]
    assert all(len(digest) == 16 for digest in found["train"].values())


def test_the_range_of_16_bit_images_is_recorded_and_told(tmp_path):
    rng = np.random.default_rng(0)
    for name, low in (("dark", 100), ("light", 2000)):
        (tmp_path / "counts" / name).mkdir(parents=True)
        for i in range(10):
            values = rng.integers(low, low + 2000, (16, 16)).astype(np.uint16)
            values[0, 0] = low + 95 * (name == "light") + 2000
            Image.fromarray(values).save(tmp_path / f"counts/{name}/{i}.png")
    for cache in ("pixels", "files"):
        lines = []
        loaded = loading.load(
            f"folder:{tmp_path}/counts",
            str(tmp_path),
            images=ImageOptions(cache=cache),
            report=lines.append,
        )
        black, white = split_record.record(loaded)["levels"]
        assert 100 <= black < 110 and white == 4095
        told = f"folder:counts: 16-bit values from {black} to 4095 are scaled to 0 to 255"
        assert told in lines
        pixels = loaded.train.pixels(slice(None))
        means = [pixels[loaded.train.labels == label].mean() for label in range(2)]
        assert means[0] < 90 and means[1] > 150
        assert pixels.min() < 10 and pixels.max() > 225


def test_the_same_files_leave_the_record_as_it_is(load, tmp_path):
    split_record.update(load(), tmp_path)
    before = (tmp_path / "splits.json").stat().st_mtime_ns
    assert split_record.update(load(), tmp_path) is None
    assert (tmp_path / "splits.json").stat().st_mtime_ns == before


def test_what_changed_is_told_in_one_line_and_recorded(load, animals, tmp_path):
    loaded = load()
    split_record.update(loaded, tmp_path)
    names = [file.name for file in loaded.files_of(loaded.train)]
    save_picture(animals / "cat/new.png", seed=50)
    (animals / names[0]).unlink()
    save_picture(animals / names[1], seed=51)
    told = split_record.update(load(), tmp_path)
    assert "\n" not in told
    assert "1 added (cat/new.png)" in told
    assert f"1 removed ({names[0]})" in told
    assert f"1 changed ({names[1]})" in told
    assert split_record.update(load(), tmp_path) is None


def test_another_seed_is_told_as_another_place(load, tmp_path):
    split_record.update(load(), tmp_path)
    told = split_record.update(load(seed=1), tmp_path)
    assert "in another split" in told and "added" not in told


def test_a_record_that_cannot_be_read_is_written_anew(load, tmp_path):
    split_record.update(load(), tmp_path)
    (tmp_path / "splits.json").write_text('{"train": 3}')
    assert "has been rewritten" in split_record.update(load(), tmp_path)
    assert split_record.update(load(), tmp_path) is None


def test_other_data_sets_have_no_record(fashion_data_dir, tmp_path):
    loaded = loading.load("fashion_mnist", fashion_data_dir)
    assert split_record.update(loaded, tmp_path) is None
    assert not (tmp_path / "splits.json").exists()
