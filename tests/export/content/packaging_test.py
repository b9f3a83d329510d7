import dataclasses
import json
import zipfile

import flatbuffers
import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export import recipes
from export.checks import interpreter
from export.content import flatbuffer, footprint, metadata, packaging, sharing_builder
from export.conversion import tflite
from nas.architecture import spaces
from nas.layers import keras_network

SPACE = spaces.SPACES["cifar"]
CHILD = SPACE.child([1] * len(SPACE.slots), name="found")
ABOUT = metadata.About("cifar10", tuple(f"class {i}" for i in range(10)), CHILD)
INT8 = recipes.recipe("int8")
IMAGES = np.random.default_rng(0).uniform(-1, 1, (16, 32, 32, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def converted():
    keras.utils.set_random_seed(0)
    return tflite.convert(keras_network.build_child(CHILD), INT8, IMAGES)


@pytest.fixture(scope="module")
def packaged(converted):
    return packaging.package(converted, "found", "int8", ABOUT)


def test_what_the_file_computes_is_not_touched(converted, packaged):
    np.testing.assert_array_equal(
        interpreter.predict(packaged, IMAGES), interpreter.predict(converted, IMAGES)
    )
    assert flatbuffer.operators(packaged) == flatbuffer.operators(converted)
    assert flatbuffer.tensor_types(packaged) == flatbuffer.tensor_types(converted)
    assert flatbuffer.oldest_runtime(packaged) == flatbuffer.oldest_runtime(converted)


def test_same_input_gives_the_same_bytes(converted, packaged):
    assert packaging.package(converted, "found", "int8", ABOUT) == packaged


def test_file_is_not_larger_than_its_weights_and_channels_justify(converted, packaged):
    assert len(packaged) <= footprint.int8_size_bound(CHILD) < len(converted)


def test_small_network_of_many_layers_keeps_its_bound():
    network = SPACE.child([4, 2, 4, 0, 1, 1, 0])
    content = tflite.convert(keras_network.build_child(network), INT8, IMAGES)
    about = dataclasses.replace(ABOUT, child=network)
    size = len(packaging.package(content, "cifar_child", "int8_qat", about))
    assert size <= footprint.int8_size_bound(network)


def test_what_is_not_used_is_not_there(converted, packaged):
    assert flatbuffer.operator_codes(packaged) == flatbuffer.operator_codes(converted)
    model = schema.ModelT.InitFromPackedBuf(converted, 0)
    model.operatorCodes.insert(0, schema.OperatorCodeT(builtinCode=schema.BuiltinOperator.QUANTIZE))
    for operator in model.subgraphs[0].operators:
        operator.opcodeIndex += 1
    builder = flatbuffers.Builder(2 * len(converted))
    builder.Finish(model.Pack(builder), b"TFL3")
    assert packaging.package(bytes(builder.Output()), "found", "int8", ABOUT) == packaged
    assert b"CONVERSION_METADATA" in converted and b"CONVERSION_METADATA" not in packaged
    buffers = schema.ModelT.InitFromPackedBuf(packaged, 0).buffers
    assert [place for place, buffer in enumerate(buffers) if buffer.data is None] == [0]


def test_buffers_lie_where_runtimes_can_map_them(packaged):
    offsets = flatbuffer.buffer_offsets(packaged)
    assert len(offsets) > 30
    assert not [offset for offset in offsets if offset % sharing_builder.BUFFER_ALIGNMENT]


def test_tensors_are_named_after_layers(packaged):
    names = flatbuffer.tensor_names(packaged, "int8")
    assert {"image", "logits", "stem_conv", "stem_relu", "pool"} <= set(names)
    assert max(map(len, names)) < 20


def test_app_finds_input_and_output_by_name(packaged):
    signatures = interpreter.load(packaged).get_signature_list()
    assert signatures == {"serving_default": {"inputs": ["image"], "outputs": ["logits"]}}


def test_labels_and_network_are_inside(packaged, tmp_path):
    inside = metadata.read_files(packaged)
    assert inside["labels.txt"].decode().splitlines() == list(ABOUT.class_names)
    path = tmp_path / "child.json"
    path.write_bytes(inside["child.json"])
    assert spaces.load_child(str(path)) == CHILD
    assert json.loads(inside["child.json"])["provenance"] == {"dataset": "cifar10"}


def test_files_inside_are_stored_as_they_are(packaged, tmp_path):
    path = tmp_path / "found.tflite"
    path.write_bytes(packaged)
    with zipfile.ZipFile(path) as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.testzip() is None


def test_network_without_a_description_has_labels_alone(converted):
    about = metadata.About("cifar10", ABOUT.class_names)
    packaged = packaging.package(converted, "found", "int8", about)
    assert list(metadata.read_files(packaged)) == ["labels.txt"]


def test_metadata_names_what_it_describes(packaged):
    for text in (
        b"M001",
        b"found, trained on cifar10, written as int8",
        b"score type: logits",
        b"pixel - 128",
    ):
        assert text in packaged


def test_network_that_ends_in_softmax_is_said_to_put_out_probabilities():
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))
    content = tflite.convert(model, recipes.recipe("float32"))
    assert b"score type: probabilities" in packaging.package(content, "x", "float32", ABOUT)


def test_loss_of_the_last_bytes_is_noticed(packaged):
    assert interpreter.load(packaged) is not None
    for cut in (1, 30, 400):
        with pytest.raises(ValueError, match="expected a complete .tflite file"):
            interpreter.load(packaged[:-cut])
    with pytest.raises(ValueError, match="expected a .tflite file with files inside"):
        metadata.read_files(packaged[:-400])
