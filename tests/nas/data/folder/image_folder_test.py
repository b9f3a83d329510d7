import os
import pathlib
import tempfile
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.data.folder import image_folder, naming


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names(found, split):
    return [file.name for file in found.splits[split]]


def test_classes_alone_are_training_material(tmp_path):
    found = image_folder.scan(touch(tmp_path, "dog/b.jpg", "cat/2.png", "cat/1.JPEG"))
    assert found.class_names == ("cat", "dog")
    assert list(found.splits) == ["train"]
    assert names(found, "train") == ["cat/1.JPEG", "cat/2.png", "dog/b.jpg"]
    assert [file.label for file in found.splits["train"]] == [0, 0, 1]
    assert found.remarks == ()


def test_split_folders_are_known_by_their_usual_names(tmp_path):
    touch(tmp_path, "Train/a/1.jpg", "Train/b/1.jpg", "val/a/2.jpg", "val/b/2.jpg")
    touch(tmp_path, "testing/b/3.jpg")
    found = image_folder.scan(tmp_path)
    assert {split: len(files) for split, files in found.splits.items()} == {
        "train": 2,
        "validation": 2,
        "test": 1,
    }
    assert found.splits["test"][0].label == 1
    assert found.remarks == ("test has no image of a",)


def test_hidden_files_are_not_seen_and_other_files_are_named(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "a/._1.jpg", ".git/x.jpg", "__MACOSX/a/1.jpg")
    touch(tmp_path, "a/Thumbs.db", "a/notes.txt", "README", "b/photo.heic")
    found = image_folder.scan(tmp_path)
    assert names(found, "train") == ["a/1.jpg", "b/1.jpg"]
    (remark,) = found.remarks
    assert remark.startswith("3 files left out")
    assert remark.endswith("README, a/notes.txt, b/photo.heic")


def test_a_link_to_nowhere_is_an_image_that_reading_will_name(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a/2.jpg").symlink_to(tmp_path / "gone.jpg")
    os.mkfifo(tmp_path / "a/3.jpg")
    assert names(image_folder.scan(tmp_path), "train") == ["a/1.jpg", "a/2.jpg", "b/1.jpg"]


def test_links_that_lead_to_themselves_are_found_and_do_not_end_the_scan(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg")
    (tmp_path / "a/2.jpg").symlink_to("2.jpg")
    (tmp_path / "loop").symlink_to("loop")
    assert names(image_folder.scan(tmp_path), "train") == ["a/1.jpg", "a/2.jpg", "b/1.jpg"]


@pytest.mark.parametrize("other", ["CAT", "cat ", "c at"])
def test_classes_that_differ_only_in_capitals_or_spaces_are_named(tmp_path, other):
    found = image_folder.scan(touch(tmp_path, "cat/1.jpg", f"{other}/2.jpg", "dog/1.jpg"))
    assert len(found.class_names) == 3
    (remark,) = found.remarks
    assert f"{other!r}" in remark and "'cat'" in remark and "merge the folders" in remark


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "expected a folder of images for each class .* found no folder"),
        (["1.jpg", "2.jpg"], "found no folder"),
        (["a/1.jpg"], r"at least two classes, found one \(a\)"),
        (["a/1.jpg", "b/notes.txt"], r"b: expected images .* found notes.txt \(an empty file\)"),
        (["train/a/1.jpg", "train/b/1.jpg", "test/c/1.jpg"], "found c only in test"),
        (["test/a/1.jpg", "test/b/1.jpg"], "expected a folder train beside test"),
        (["train/1.jpg", "test/2.jpg"], r"train: expected a folder for each class.*1\.jpg"),
        (["train/1.jpg", "car/2.jpg"], "found car with images beside train"),
        (["train/a/1.jpg", "train/b/1.jpg", "extra/x/2.jpg"], "found extra with images"),
        (["train/a/1.jpg", "train/b/1.jpg", "val/a/1.jpg", "valid/a/1.jpg"], "val and valid"),
        (["fold1/a/1.jpg", "fold2/a/1.jpg"], "fold1/a: expected images directly in the class"),
        (["a/1.jpg", "b/1.jpg", "b/old/1.jpg"], "b/old: expected images directly"),
        (["a\nb/1.jpg", "b/1.jpg"], "expected class names of printable characters"),
    ],
)
def test_other_forms_are_refused_in_one_line_that_names_the_place(tmp_path, files, message):
    touch(tmp_path, *files)
    with pytest.raises(ValueError, match=message) as error:
        image_folder.scan(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_folder_and_a_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="gone: expected a folder of images .* found nothing"):
        image_folder.scan(tmp_path / "gone")
    with pytest.raises(ValueError, match="found a file"):
        image_folder.scan(touch(tmp_path, "x.zip") / "x.zip")


def test_folders_without_images_beside_splits_do_not_matter(tmp_path):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "annotations/a/1.xml")
    assert len(image_folder.scan(tmp_path).splits["train"]) == 2


def test_two_forms_of_one_name_are_one_class(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    touch(tmp_path, f"train/{composed}/1.jpg", f"train/{decomposed}/2.jpg", "train/tea/1.jpg")
    touch(tmp_path, f"test/{decomposed}/3.jpg", "test/tea/2.jpg")
    found = image_folder.scan(tmp_path)
    assert found.class_names == (composed, "tea")
    assert [file.label for file in found.splits["train"]] == [0, 0, 1]
    assert [file.label for file in found.splits["test"]] == [0, 1]


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPE"])
def test_rarer_suffixes_of_jpegs_are_known(tmp_path, suffix):
    found = image_folder.scan(touch(tmp_path, f"a/1{suffix}", "b/1.jpg"))
    assert names(found, "train") == [f"a/1{suffix}", "b/1.jpg"]


def test_a_class_of_other_files_says_what_they_are(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/IMG_1.heic", "b/IMG_2.heic")
    (tmp_path / "b/IMG_1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    message = (
        r"found 2 other files, such as IMG_1\.heic \(a HEIC photo; convert it to JPEG or PNG\)"
    )
    with pytest.raises(ValueError, match=message):
        image_folder.scan(tmp_path)


@pytest.mark.parametrize("place", ["test", "val"])
def test_images_without_a_class_in_a_split_get_a_hint(tmp_path, place):
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", f"{place}/1.jpg")
    with pytest.raises(ValueError, match=f"sort them into {place}/<class>/.*elsewhere"):
        image_folder.scan(tmp_path)


def test_odd_characters_are_escaped_in_messages(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/1.jpg", "b/x\n\x1b[31m\u202e.txt")
    (remark,) = image_folder.scan(tmp_path).remarks
    assert remark.endswith(r"b/x\n\x1b[31m\u202e.txt") and remark.isprintable()
    with pytest.raises(ValueError, match=r"c\\nd: expected a folder of images") as error:
        image_folder.scan(tmp_path / "c\nd")
    assert str(error.value).isprintable()


def test_a_file_name_that_is_no_text_can_be_shown():
    name = os.fsdecode(b"a/\xff.jpg")
    assert naming.shortened([name, "b", "c", "d"]) == "a/\\xff.jpg, b, c and 1 more"


NAMES = st.text("abcXY01 _-.é", min_size=1, max_size=6).filter(
    lambda name: not name.startswith(".") and not name.isspace()
)
KINDS = st.sampled_from([".jpg", ".JPG", ".png", ".Jpeg", ".webp", ".bmp"])


@settings(max_examples=40)
@given(
    classes=st.dictionaries(
        NAMES, st.sets(st.tuples(NAMES, KINDS), min_size=1, max_size=4), min_size=2, max_size=4
    ),
    with_splits=st.booleans(),
)
def test_every_image_is_found_once_under_its_class(classes, with_splits):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        prefix = "train/" if with_splits else ""
        wanted = {
            f"{prefix}{name}/{stem}{kind}": name
            for name, files in classes.items()
            for stem, kind in files
        }
        found = image_folder.scan(touch(root, *wanted))
        labels = {file.name: found.class_names[file.label] for file in found.splits["train"]}
        assert labels == {k: unicodedata.normalize("NFC", name) for k, name in wanted.items()}
        assert len(found.splits["train"]) == len(wanted)
