import io

import numpy as np
import pytest
import small_imagenet
from PIL import Image

from nas.data.images import decoded_images, decoding, looks
from nas.data.splits import dataset, likeness


def look(content):
    return np.frombuffer(decoding.examine(content).look, np.uint8)


def found(contents):
    """The groups of two or more among encoded images, as sorted lists of their numbers."""
    ids = [str(i) for i in range(len(contents))]
    digests = [np.frombuffer(decoded_images.digest(content), np.uint8) for content in contents]
    alike = likeness.find(ids, np.stack(digests), np.stack([*map(look, contents)]))
    groups = {}
    for name, group in alike.groups.items():
        groups.setdefault(group, []).append(int(name))
    return sorted(sorted(group) for group in groups.values())


def stored(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_a_picture_in_another_format_size_or_compression_is_the_same_picture():
    picture, other = (small_imagenet.picture(seed, 200, 240) for seed in (1, 2))
    contents = [
        stored(picture),
        stored(other),
        stored(picture, "JPEG", quality=60),
        stored(picture.resize((120, 100))),
        stored(picture, "WEBP"),
    ]
    assert found(contents) == [[0, 2, 3, 4]]


def test_different_pictures_are_not_alike():
    contents = [stored(small_imagenet.picture(seed, 60, 80), "JPEG") for seed in range(60)]
    assert found(contents) == []


def test_plain_surfaces_of_different_colours_are_not_alike():
    contents = [
        stored(Image.new("RGB", (20, 20), colour))
        for colour in ("black", "white", "red", "green", "black")
    ]
    assert found(contents) == [[0, 4]]


def test_a_mirrored_picture_is_another_one():
    picture = small_imagenet.picture(5, 60, 80)
    assert found([stored(picture), stored(picture.transpose(0))]) == []


@pytest.mark.parametrize("different", [0, 1, 2, looks.MOST_BITS])
def test_every_pair_of_few_different_bits_is_found(different):
    rng = np.random.default_rng(different)
    many = rng.integers(0, 256, (300, looks.SIZE_BYTES), np.uint8)
    bits = np.unpackbits(many[7, :8])
    bits[rng.choice(len(bits), different, replace=False)] ^= 1
    many[250, :8] = np.packbits(bits)
    many[250, 8:] = many[7, 8:]
    assert {tuple(sorted(pair)) for pair in looks.near_pairs(many).tolist()} == {(7, 250)}


def test_masses_of_nearly_equal_images_are_no_copies_of_each_other():
    many = np.zeros((3000, looks.SIZE_BYTES), np.uint8)
    digests = np.arange(3000, dtype=np.int64).view(np.uint8).reshape(3000, 8).copy()
    digests[7] = digests[12]
    alike = likeness.find([str(i) for i in range(3000)], digests, many)
    assert sorted(alike.groups) == ["12", "7"] and len(alike.too_alike) == 3000
    few = likeness.find(["a", "b", "c"], digests[:3], many[:3])
    assert sorted(few.groups) == ["a", "b", "c"] and not few.too_alike


def test_whole_groups_are_held_out():
    labels = np.repeat([0, 1], 30)
    groups = np.arange(60) // 3
    order = dataset.balanced_order(labels, seed=0)
    chosen = dataset.held_out(labels, order, 12, groups)
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [6, 6])
    assert set(groups[chosen]) & set(np.delete(groups, chosen)) == set()


def test_groups_of_one_are_held_out_as_without_groups():
    labels = np.random.default_rng(0).integers(0, 5, 200)
    order = dataset.balanced_order(labels, seed=3)
    for count in (7, 30, 200):
        plain = dataset.held_out(labels, order, count)
        alone = dataset._groups_held_out(labels, order, count, np.arange(200))
        np.testing.assert_array_equal(plain, alone)


def test_a_class_of_one_picture_and_a_picture_of_two_classes_stay_in_training():
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10)
    groups = np.array([100] * 10 + [*range(10)] + [0, *range(11, 20)])
    order = np.arange(30)
    chosen = dataset.held_out(labels, order, 30, groups)
    np.testing.assert_array_equal(np.bincount(labels[chosen]), [0, 2, 2])
    assert 10 not in chosen and 20 not in chosen
