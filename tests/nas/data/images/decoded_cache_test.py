import dataclasses
import functools
import json

import numpy as np
import pytest
from picture_folders import save_picture
from PIL import Image

from nas.data.image_options import ImageOptions
from nas.data.images import decoded_cache


@dataclasses.dataclass(frozen=True)
class Files:
    """Image files with a version number instead of time stamps."""

    paths: tuple
    version: int = 0
    title: str = "pictures"

    @property
    def identity(self):
        return [self.version, *map(str, self.paths)]

    @property
    def names(self):
        return [path.name for path in self.paths]

    def openers(self):
        for path in self.paths:
            yield functools.partial(open, path, "rb")


class Progress:
    """Counts the passes over all images."""

    def __init__(self):
        self.labels = []

    def __call__(self, images, count, label):
        self.labels.append(label)
        images = list(images)
        assert len(images) == count
        return images


@pytest.fixture
def pictures(tmp_path):
    sizes = [(40, 30), (24, 33), (100, 26)]
    return Files(
        tuple(save_picture(tmp_path / f"{i}.png", size, seed=i) for i, size in enumerate(sizes))
    )


def load(source, tmp_path, track=None, lines=None, **options):
    return decoded_cache.load(
        source,
        ImageOptions(**options),
        tmp_path / "cache",
        track or Progress(),
        (lines if lines is not None else []).append,
    )


def test_images_of_various_sizes_get_the_median_short_side(pictures, tmp_path):
    lines = []
    found = load(pictures, tmp_path, lines=lines)
    assert found.images.shape == (3, 24, 24, 3)  # The median is 26.
    assert lines == [
        "pictures: 3 images of 24x33 to 100x26 pixels, colour, cut to a square and resized to 24x24"
    ]


@pytest.mark.parametrize(
    ("sizes", "options", "expected"),
    [
        ([(28, 28), (28, 28)], {}, 28),
        ([(28, 28), (28, 28)], {"preferred_resolution": 16}, 16),
        ([(28, 28)], {"resolution": 16}, 16),
        ([(28, 28)], {"resolution": 16, "preferred_resolution": 24}, 16),
        ([(300, 300), (300, 300)], {}, 224),
        ([(300, 400), (200, 500), (90, 70)], {}, 192),
        ([(300, 400), (50, 40)], {"preferred_resolution": 48}, 48),
        ([(5, 3), (4, 4)], {}, 8),
    ],
)
def test_the_resolution_follows_from_the_images_unless_it_is_asked_for(
    sizes, options, expected, tmp_path
):
    paths = [save_picture(tmp_path / f"{i}.png", size) for i, size in enumerate(sizes)]
    assert load(Files(tuple(paths)), tmp_path, **options).images.shape[1:3] == (expected, expected)


def test_gray_images_stay_gray_unless_one_has_colours(tmp_path):
    gray = [save_picture(tmp_path / f"{i}.png", mode="L", seed=i) for i in range(2)]
    assert load(Files(tuple(gray)), tmp_path).images.shape == (2, 8, 8, 1)
    mixed = Files((*gray, save_picture(tmp_path / "c.png", mode="RGBA")), version=1)
    lines = []
    assert load(mixed, tmp_path, lines=lines).images.shape == (3, 8, 8, 3)
    assert "1 with transparency laid on white" in lines[0]


def test_images_are_decoded_once_for_each_resolution(pictures, tmp_path):
    first = Progress()
    found = load(pictures, tmp_path, first)
    assert first.labels == ["reading image headers", "decoding at 24x24"]
    again = Progress()
    same = load(pictures, tmp_path, again)
    assert again.labels == []
    np.testing.assert_array_equal(same.images, found.images)
    assert same.digests == found.digests and list(same.kept) == [0, 1, 2]
    other = Progress()
    load(pictures, tmp_path, other, resolution=16)
    assert other.labels == ["decoding at 16x16"]
    assert load(pictures, tmp_path, again).images.shape[1] == 24 and again.labels == []


def test_other_files_are_decoded_anew_and_the_old_arrays_go(pictures, tmp_path):
    before = load(pictures, tmp_path)
    save_picture(pictures.paths[1], (24, 33), seed=9)
    after = load(dataclasses.replace(pictures, version=1), tmp_path)
    assert [a == b for a, b in zip(before.digests, after.digests, strict=True)] == [
        True,
        False,
        True,
    ]
    assert (before.images[1] != after.images[1]).any()
    assert len(list((tmp_path / "cache/24x24").glob("*.npy"))) == 1


@pytest.mark.parametrize("name", ["survey.json", "24x24/index.json", "24x24/images-*.npy"])
def test_what_was_kept_and_is_damaged_is_made_again(pictures, tmp_path, name):
    expected = load(pictures, tmp_path).images.copy()
    (path,) = (tmp_path / "cache").glob(name)
    path.write_bytes(path.read_bytes()[:40])
    np.testing.assert_array_equal(load(pictures, tmp_path).images, expected)


def test_unreadable_images_are_refused_by_name_with_their_number(pictures, tmp_path):
    pictures.paths[0].write_bytes(b"")
    pictures.paths[2].write_bytes(pictures.paths[2].read_bytes()[:300])
    with pytest.raises(ValueError, match=r"2 of 3 images cannot be read \(0\.png: .*; 2\.png: "):
        load(dataclasses.replace(pictures), tmp_path, skip_unreadable=False)


def test_unreadable_images_can_be_left_out(pictures, tmp_path):
    whole = load(pictures, tmp_path, resolution=16)
    pictures.paths[1].write_bytes(pictures.paths[1].read_bytes()[:300])
    lines = []
    changed = dataclasses.replace(pictures, version=1)
    found = load(changed, tmp_path, lines=lines, resolution=16, skip_unreadable=True)
    assert list(found.kept) == [0, 2]
    np.testing.assert_array_equal(found.images, whole.images[[0, 2]])
    assert "1 unreadable left out" in lines[0]
    # They are in the cache, but still an error without `skip_unreadable`.
    again = load(changed, tmp_path, resolution=16, skip_unreadable=True)
    np.testing.assert_array_equal(again.images, found.images)
    with pytest.raises(ValueError, match=r"1 of 3 images cannot be read \(1\.png"):
        load(changed, tmp_path, resolution=16)


def test_a_long_list_of_unreadable_images_is_cut_short(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(9)]
    for path in paths:
        path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"9 of 9 images.*4\.png.*; and 4 more\)"):
        load(Files(tuple(paths)), tmp_path, skip_unreadable=True)


def test_a_file_that_is_gone_or_may_not_be_read_is_named(pictures, tmp_path):
    pictures.paths[1].unlink()
    with pytest.raises(ValueError, match=r"1\.png: No such file or directory"):
        load(pictures, tmp_path)


def test_where_nothing_can_be_kept_the_images_are_there_all_the_same(pictures, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    lines = []
    assert load(pictures, tmp_path, lines=lines).images.shape == (3, 24, 24, 3)
    assert "decoded images are not stored" in lines[0]


def test_more_than_fits_in_memory_is_refused_before_decoding(tmp_path):
    paths = tuple(save_picture(tmp_path / f"{i}.png") for i in range(2))
    many = Files(paths * 1500)
    track = Progress()
    with pytest.raises(ValueError, match=r"at most 8 GiB .* received 8\.8 GiB .*--resolution"):
        load(many, tmp_path, track, resolution=1024)
    assert track.labels == ["reading image headers"]


def test_kept_files_say_what_they_are(pictures, tmp_path):
    load(pictures, tmp_path)
    for name in ("survey.json", "24x24/index.json"):
        content = json.loads((tmp_path / "cache" / name).read_text())
        assert content["schema_version"] == 1
        assert "git_revision" in content["provenance"]


def test_a_folder_for_each_source(tmp_path):
    one = decoded_cache.folder(str(tmp_path), "folder:my photos", "/a/my photos")
    other = decoded_cache.folder(str(tmp_path), "folder:my photos", "/b/my photos")
    assert one.parent == other.parent == tmp_path / "decoded_images"
    assert one != other
    assert one.name.startswith("my_photos-")


def test_images_keep_their_order(tmp_path):
    paths = []
    for i in range(30):
        path = tmp_path / f"{i}.png"
        Image.new("L", (8, 8), i).save(path)
        paths.append(path)
    found = load(Files(tuple(paths)), tmp_path)
    np.testing.assert_array_equal(found.images[:, 0, 0, 0], np.arange(30))


def test_nothing_is_kept_where_that_was_not_asked_for(pictures, tmp_path):
    found = load(pictures, tmp_path, keep_decoded=False)
    assert len(found.images) == 3 and not (tmp_path / "cache").exists()
