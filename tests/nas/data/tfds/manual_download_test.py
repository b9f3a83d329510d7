import pytest

from nas.data.tfds import manual_download, tfds_layout


@pytest.fixture
def imagenet(tmp_path):
    return tfds_layout.builder("imagenet2012", str(tmp_path / "tfds"))


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")


def test_archives_that_are_missing_are_named_with_their_place(imagenet, tmp_path):
    folder = tmp_path / "tfds" / "downloads" / "manual"
    both = "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar"
    assert manual_download.missing(imagenet) == (
        f"expected {both} in {folder}, found no such file; register at "
        "https://image-net.org/download-images to get them"
    )
    put(folder, "ILSVRC2012_img_train.tar")
    assert f"expected ILSVRC2012_img_val.tar in {folder}," in manual_download.missing(imagenet)
    put(folder, "ILSVRC2012_img_val.tar")
    assert manual_download.missing(imagenet) is None


def test_another_place_may_be_named(imagenet, tmp_path):
    put(tmp_path / "mine", "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
    assert manual_download.missing(imagenet, str(tmp_path / "mine")) is None
    assert "expected ILSVRC2012_img_train.tar" in manual_download.missing(imagenet, str(tmp_path))


def test_of_others_tfds_own_words_are_given_in_one_line(tmp_path):
    builder = tfds_layout.builder("resisc45", str(tmp_path))
    line = manual_download.missing(builder)
    assert line.startswith(f"expected files in {tmp_path}/downloads/manual, found none; TFDS says:")
    assert "\n" not in line


def test_what_tfds_downloads_itself_needs_nothing(tmp_path):
    assert manual_download.missing(tfds_layout.builder("cifar10", str(tmp_path))) is None
