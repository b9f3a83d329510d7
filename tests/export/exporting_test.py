import dataclasses
import json
import resource
import types
import zipfile

import keras
import numpy as np
import pytest

from export import exporting, recipes, writing
from export.checks import parity
from export.content import footprint, metadata
from export.conversion import tflite
from export.examples import Examples
from nas import files
from nas.architecture import spaces, spec_json
from nas.data.splits.dataset import Dataset
from nas.layers import keras_network

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (40, 8, 8, 3)).astype(np.float32)
LABELS = RNG.integers(0, 4, 40)
CALIBRATION = IMAGES[:20]
ABOUT = metadata.About("shapes", ("one", "two", "three", "four"))


def build():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(8, 3, name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="logits")(x), name="small")


@pytest.fixture
def model_path(tmp_path):
    build().save(tmp_path / "child.keras")
    return tmp_path / "child.keras"


@pytest.fixture
def conversions(monkeypatch):
    """Names of the recipes converted, in order."""
    names = []
    convert = tflite.convert

    def counted(model, recipe, calibration_images=None):
        names.append(recipe.name)
        return convert(model, recipe, calibration_images)

    monkeypatch.setattr(tflite, "convert", counted)
    return names


def export(model_path, names=("float32", "int8"), calibration=CALIBRATION, about=ABOUT, **more):
    examples = Examples(IMAGES, LABELS, calibration)
    return exporting.export(model_path, names, model_path.parent, examples, about, **more)


def left(model_path):
    return sorted(path.name for path in model_path.parent.iterdir())


def test_every_recipe_gets_a_file_and_its_comparison(model_path):
    results = export(model_path)
    assert left(model_path) == [
        "child.keras",
        "child_float32.tflite",
        "child_int8.tflite",
        "parity_float32.json",
        "parity_int8.json",
    ]
    for name, result in results.items():
        assert json.loads(exporting.parity_path(model_path.parent, name).read_text()) == result
        size = exporting.tflite_path(model_path.parent, name).stat().st_size
        assert result["size_bytes"] == size
        assert {
            "schema_version",
            "recipe",
            "max_abs_difference",
            "top1_agreement",
            "accuracy_keras",
            "accuracy_tflite",
            "operators",
            "oldest_runtime",
            "provenance",
            "model_sha256",
        } <= result.keys()


def test_finished_work_is_not_repeated(model_path, conversions):
    first = export(model_path)
    lines = []
    assert export(model_path, report=lines.append) == first
    assert conversions == ["float32", "int8"]
    assert lines == ["float32: already exported", "int8: already exported"]


def test_run_that_was_cut_off_goes_on(model_path, conversions):
    export(model_path)
    exporting.parity_path(model_path.parent, "int8").unlink()
    export(model_path)
    assert conversions == ["float32", "int8", "int8"]


def test_another_network_is_exported_anew(model_path, conversions):
    export(model_path)
    model = build()
    model.get_layer("logits").bias.assign([1, 0, 0, 0])
    model.save(model_path)
    export(model_path)
    assert conversions == ["float32", "int8"] * 2


def test_other_calibration_images_concern_int8_alone(model_path, conversions):
    export(model_path)
    export(model_path, calibration=CALIBRATION * 0.5)
    assert conversions == ["float32", "int8", "int8"]


def test_other_class_names_make_other_files(model_path, conversions):
    export(model_path, ["float32"])
    about = metadata.About("shapes", ("eins", "zwei", "drei", "vier"))
    export(model_path, ["float32"], about=about)
    assert conversions == ["float32"] * 2


def test_damaged_file_is_made_again(model_path, conversions):
    export(model_path, ["float32"])
    path = exporting.tflite_path(model_path.parent, "float32")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    export(model_path, ["float32"])
    assert conversions == ["float32"] * 2
    assert path.read_bytes() == whole


def test_damaged_comparison_is_written_anew(model_path, conversions):
    export(model_path, ["float32"])
    comparison = exporting.parity_path(model_path.parent, "float32")
    whole = files.read_json(comparison)
    for damaged in ("{", "[]"):
        comparison.write_text(damaged)
        export(model_path, ["float32"])
        assert files.read_json(comparison).keys() == whole.keys()
    assert conversions == ["float32"] * 3


def test_folder_that_cannot_be_written_is_refused_before_any_work(
    model_path, conversions, monkeypatch
):
    (model_path.parent / "file").write_text("")
    with pytest.raises(OSError, match="file: expected a writable folder"):
        exporting.export(
            model_path, ["float32"], model_path.parent / "file", Examples(IMAGES, LABELS), ABOUT
        )
    assert conversions == []


def test_file_whose_comparison_does_not_fit_on_the_disk_is_not_written(model_path, monkeypatch):
    monkeypatch.setattr(files, "json_bytes", lambda value: bytes(1 << 20))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, before[1]))
    try:
        with pytest.raises(OSError, match="parity_float32.json"):
            export(model_path, ["float32"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(model_path) == ["child.keras"]


def test_network_too_small_to_quantize_is_reported(model_path):
    lines = []
    export(model_path, ["dynamic_range"], report=lines.append)
    assert lines[1:] == ["dynamic_range: no weights quantized, since none has 1024 values or more"]


def test_unknown_recipe_is_refused_before_any_work(model_path, conversions):
    with pytest.raises(ValueError, match="expected one of float32"):
        export(model_path, ["float32", "int3"])
    assert conversions == []


def test_missing_calibration_leaves_no_int8_file(model_path):
    with pytest.raises(ValueError, match="expected calibration images"):
        export(model_path, ["int8"], calibration=None)
    assert left(model_path) == ["child.keras"]


def test_failed_comparison_leaves_no_file(model_path, monkeypatch):
    monkeypatch.setattr(parity, "logits_of", lambda model, images: np.ones((40, 4), np.float32))
    with pytest.raises(parity.ParityError, match="float32: the file differs too much"):
        export(model_path)
    assert left(model_path) == ["child.keras"]


def test_failed_comparison_says_that_an_earlier_file_is_left(model_path, monkeypatch):
    export(model_path)
    model = build()
    model.get_layer("logits").bias.assign([1, 2, 3, 4])
    model.save(model_path)
    before = exporting.tflite_path(model_path.parent, "float32").read_bytes()
    monkeypatch.setattr(parity, "logits_of", lambda model, images: np.ones((40, 4), np.float32))
    with pytest.raises(parity.ParityError, match="child_float32.tflite is from an earlier run"):
        export(model_path)
    assert exporting.tflite_path(model_path.parent, "float32").read_bytes() == before


def test_folder_of_another_network_is_refused(model_path, tmp_path, conversions):
    other = tmp_path / "other"
    other.mkdir()
    model = build()
    model.get_layer("logits").bias.assign([1, 2, 3, 4])
    model.save(other / "child.keras")
    with pytest.raises(ValueError, match="other: expected the work dir of .*child.keras"):
        exporting.export(model_path, ["float32"], other, Examples(IMAGES, LABELS), ABOUT)
    assert [path.name for path in other.iterdir()] == ["child.keras"]
    assert conversions == []


def test_weights_that_are_not_finite_are_refused(model_path):
    model = build()
    model.get_layer("logits").bias.assign([np.nan, 0, 0, 0])
    model.save(model_path)
    with pytest.raises(ValueError, match="logits/bias"):
        export(model_path)
    assert left(model_path) == ["child.keras"]


def test_missing_and_foreign_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(
        ValueError, match="none.keras: expected a .keras file of Keras' own layers, found none"
    ):
        exporting.load_model(tmp_path / "none.keras")
    text = tmp_path / "text.keras"
    text.write_text("no network")
    with pytest.raises(
        ValueError,
        match="text.keras: expected a .keras file of Keras' own layers, received 10 bytes",
    ):
        exporting.load_model(text)
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as archive:
        archive.writestr("readme.txt", "no network")
    with pytest.raises(ValueError, match="zip.keras: expected a .keras file") as caught:
        exporting.load_model(tmp_path / "zip.keras")
    assert "\n" not in str(caught.value)


def test_half_a_file_is_refused(model_path):
    model_path.write_bytes(model_path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="child.keras: expected a .keras file"):
        exporting.load_model(model_path)


def test_damage_inside_a_file_is_refused_in_one_line(model_path):
    whole = model_path.read_bytes()
    for place in range(200, len(whole) - 200, len(whole) // 40):
        model_path.write_bytes(whole[:place] + b"damage" + whole[place + 6 :])
        try:
            exporting.load_model(model_path)  # Padding may be damaged and nothing is lost.
        except ValueError as error:
            assert "child.keras: expected a .keras file" in str(error)
            assert "\n" not in str(error)


def test_layers_keras_does_not_have_are_refused_by_name(tmp_path):
    class Swirl(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, Swirl()(inputs)).save(tmp_path / "custom.keras")
    with pytest.raises(ValueError, match="Keras' own layers.*Swirl'\\); .* build") as caught:
        exporting.load_model(tmp_path / "custom.keras")
    assert "\n" not in str(caught.value)
    keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x)(inputs)).save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="Keras' own layers.*`Lambda` layer") as caught:
        exporting.load_model(tmp_path / "own.keras")
    assert "\n" not in str(caught.value) and "trust" not in str(caught.value)


def test_fine_tuning_without_description_or_images_is_refused(model_path):
    with pytest.raises(ValueError, match="int8_qat: expected training images"):
        export(model_path, ["int8_qat"])
    assert left(model_path) == ["child.keras"]


def test_description_of_another_network_is_refused(model_path):
    about = dataclasses.replace(ABOUT, child=spaces.SPACES["tiny"].child([0, 0, 0]))
    with pytest.raises(ValueError, match="small is not the network of its description"):
        export(model_path, ["float32"], about=about)
    assert left(model_path) == ["child.keras"]


def test_description_is_found_beside_the_network(model_path):
    as_stored = types.SimpleNamespace(evaluated_share=1.0)
    dataset = Dataset("shapes", ABOUT.class_names, None, None, as_stored)
    assert exporting.describe(model_path, dataset) == ABOUT
    network = spaces.SPACES["tiny"].child([0, 0, 0])
    files.write_json(model_path.with_name("child.json"), spec_json.to_dict(network))
    assert exporting.describe(model_path, dataset).child == network
    model_path.with_name("child.json").write_text("{")
    with pytest.raises(ValueError, match="child.json: line 1 column 2: expected a child network"):
        exporting.describe(model_path, dataset)


def test_operations_the_network_does_not_need_are_refused(model_path, monkeypatch):
    network = spaces.SPACES["tiny"].child([0, 0, 0])
    about = dataclasses.replace(ABOUT, class_names=("c",) * 10, child=network)
    keras_network.build_child(network).save(model_path)
    monkeypatch.setattr(footprint, "fewest_operators", lambda *arguments: {"CONV_2D": 1})
    writer = writing.Writer(exporting.load_model(model_path), Examples(IMAGES, LABELS), about)
    with pytest.raises(ValueError, match="float32: expected the operations 1 CONV_2D, received "):
        writer.write(recipes.recipe("float32"))


def test_data_set_the_network_was_not_made_for_is_refused():
    exporting.check_task(build(), (8, 8, 3), 4)
    with pytest.raises(ValueError, match=r"expected images \(8, 8, 3\) and 4 classes"):
        exporting.check_task(build(), (8, 8, 3), 10)
    with pytest.raises(ValueError, match=r"\(28, 28, 1\)"):
        exporting.check_task(build(), (28, 28, 1), 4)
    pair = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    model = keras.Model(pair, keras.layers.Add()(pair), name="pair")
    with pytest.raises(ValueError, match="pair: expected one input and one output, received 2"):
        exporting.check_task(model, (8, 8, 3), 4)
