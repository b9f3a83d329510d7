import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data import arrays


def numbered_images(count, channels=3):
    """Images that are all different: each holds its own number."""
    images = np.zeros((count, 4, 4, channels), np.uint8)
    images[:, 0, 0, 0], images[:, 0, 1, 0] = np.divmod(np.arange(count), 256)
    return images


def numbers(split):
    return (split.images[:, 0, 0, 0].astype(int) * 256 + split.images[:, 0, 1, 0]).tolist()


@given(
    st.lists(st.integers(3, 40), min_size=2, max_size=4),
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(0, 3),
)
def test_every_image_is_in_one_split_and_every_class_in_each(sizes, validation, test, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    data = arrays.dataset_from_arrays(
        numbered_images(len(labels)),
        labels,
        validation_fraction=validation / 20,
        test_fraction=test / 20,
        seed=seed,
    )
    splits = (data.train, data.validation, data.test)
    assert sorted(sum(map(numbers, splits), [])) == list(range(len(labels)))
    for split in splits:
        assert (np.bincount(split.labels, minlength=len(sizes)) >= 1).all()
        np.testing.assert_array_equal(split.labels, labels[numbers(split)])


def test_each_class_is_divided_by_the_fractions():
    labels = np.array([0] * 100 + [1] * 40)
    data = arrays.dataset_from_arrays(
        numbered_images(140), labels, validation_fraction=0.1, test_fraction=0.25
    )
    assert np.bincount(data.test.labels).tolist() == [25, 10]
    assert np.bincount(data.validation.labels).tolist() == [10, 4]
    assert np.bincount(data.train.labels).tolist() == [65, 26]


def test_the_seed_decides_which_images_are_in_which_split():
    images, labels = numbered_images(60), np.arange(60) % 3
    first, again, other = (
        arrays.dataset_from_arrays(images, labels, seed=seed) for seed in (0, 0, 1)
    )
    assert numbers(first.test) == numbers(again.test) != numbers(other.test)
    assert first.summary == again.summary
    # A search resumes only with the same data set, which its name and size alone do not tell.
    assert first.summary != other.summary


def test_other_pixels_are_another_data_set():
    images, labels = numbered_images(60), np.arange(60) % 3
    first = arrays.dataset_from_arrays(images, labels)
    second = arrays.dataset_from_arrays(255 - images, labels)
    assert first.summary != second.summary
    assert first.digest != second.digest


def test_images_may_be_a_view_of_channels_first():
    images, labels = numbered_images(20), np.arange(20) % 2
    view = np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 3, 1)), 1, 3)
    found, wanted = (arrays.dataset_from_arrays(given, labels) for given in (view, images))
    assert found.summary == wanted.summary
    np.testing.assert_array_equal(found.train.images, wanted.train.images)


def test_names_labels_in_a_column_gray_images_and_flips_are_taken():
    data = arrays.dataset_from_arrays(
        numbered_images(20, channels=1),
        np.arange(20)[:, None] % 2,
        ["zero", "one"],
        flip=False,
        name="digits",
    )
    assert (data.name, data.class_names, data.channels) == ("digits", ("zero", "one"), 1)
    assert data.train.labels.dtype == np.int64
    assert not data.train.augmentation.flip
    assert len(data.train_and_validation) == 16
    assert arrays.dataset_from_arrays(numbered_images(9), np.arange(9) % 3).class_names == (
        *("0", "1", "2"),
    )


IMAGES, LABELS = numbered_images(20), np.arange(20) % 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": IMAGES / 255.0}, r"expected uint8 .* received float64 \[20, 4, 4, 3\]"),
        ({"images": IMAGES[..., 0]}, r"received uint8 \[20, 4, 4\]"),
        ({"images": IMAGES[:, :3]}, r"square .* received \[20, 3, 4, 3\]"),
        ({"images": IMAGES[..., :2]}, r"1 or 3 channels, received \[20, 4, 4, 2\]"),
        ({"labels": LABELS[1:]}, r"expected 20 integers, .* received int64 \[19\]"),
        ({"labels": LABELS * 1.0}, r"received float64 \[20\]"),
        ({"labels": LABELS - 1}, r"expected 0 to 1, .* received -1 to 0"),
        ({"labels": LABELS + 1}, r"expected 0 to 1, .* received 1 to 2"),
        ({"labels": LABELS * 0, "class_names": None}, "at least 2 classes, received 1"),
        ({"class_names": ("a", "b", "c")}, "at least 3 images .* received 0 of class c"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, "received 0 of class a"),
        ({"test_fraction": 0.0}, "above 0 with a sum below 1, received 0.2 and 0.0"),
        ({"validation_fraction": 0.9}, "received 0.9 and 0.2"),
    ],
)
def test_what_cannot_be_divided_is_refused(changed, message):
    given = {"images": IMAGES, "labels": LABELS, "class_names": ("a", "b")}
    with pytest.raises(ValueError, match=message):
        arrays.dataset_from_arrays(**(given | changed))
