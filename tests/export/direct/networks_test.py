import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

from export import recipes
from export.content import flatbuffer, sharing_builder
from export.direct import networks
from nas.architecture.blocks import Block, Head, Stem
from nas.architecture.operations import UIB, FusedMBConv, MBConv, Skip
from nas.architecture.specs import Child

BLOCKS = (
    Block(MBConv(3, 6, se_ratio=0.25), 8, 8),
    Block(FusedMBConv(3, 4, "relu"), 8, 16, 2),
    Block(UIB(5, 3, 4), 16, 24),
    *[Block(MBConv(3, 4), 24, 24)] * 8,
    Block(Skip(), 24, 32, 2),
)
CHILD = Child("mixed", 16, 10, Stem(8, stride=1), BLOCKS, Head(128, pooled_width=64))
INT8 = recipes.recipe("int8")
INTEGER = [row for row in recipes.RECIPES.values() if row.needs_calibration and not row.fine_tuning]


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others():
    content = networks.write_child(CHILD, INT8)
    assert networks.write_child(CHILD, INT8) == content
    other = networks.write_child(CHILD, INT8, seed=1)
    assert len(other) == len(content) and other != content


@pytest.mark.parametrize("recipe", INTEGER, ids=lambda row: row.name)
def test_tensors_of_integers_neither_saturate_nor_vanish(recipe):
    content = networks.write_child(CHILD, recipe)
    runner = litert.Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runner.allocate_tensors()
    (given,) = runner.get_input_details()
    generator = np.random.default_rng(0)
    image = generator.uniform(-1.0, 1.0, given["shape"])
    if given["dtype"] != np.float32:
        scale, zero = given["quantization"]
        limits = np.iinfo(given["dtype"])
        image = np.clip(image / scale + zero, limits.min, limits.max)
    runner.set_tensor(given["index"], image.astype(given["dtype"]))
    runner.invoke()
    computed = {
        int(output): operator
        for operator in runner._get_ops_details()
        for output in operator["outputs"]
    }
    for details in runner.get_tensor_details():
        if details["index"] not in computed or details["dtype"] == np.float32:
            continue
        values = runner.get_tensor(details["index"])
        limits = np.iinfo(values.dtype)
        assert np.mean(values == limits.max) < 0.1, details["name"]
        assert values.std() > 0.01 * (np.float64(limits.max) - limits.min), details["name"]


def test_a_bias_has_the_scales_of_input_and_kernel():
    model = schema.ModelT.InitFromPackedBuf(networks.write_child(CHILD, INT8), 0)
    (graph,) = model.subgraphs
    biased = [operator for operator in graph.operators if len(operator.inputs) == 3]
    assert biased
    for operator in biased:
        given, kernel, bias = (graph.tensors[i] for i in operator.inputs)
        if operator.inputs[2] >= 0:
            expected = given.quantization.scale * kernel.quantization.scale
            np.testing.assert_array_equal(bias.quantization.scale, expected)


def test_buffers_are_aligned_and_the_file_is_small():
    content = networks.write_child(CHILD, INT8)
    offsets = flatbuffer.buffer_offsets(content)
    assert offsets
    assert not [offset for offset in offsets if offset % sharing_builder.BUFFER_ALIGNMENT]


def test_what_a_recipe_cannot_write_is_refused():
    block = Block(MBConv(3, 3, "hard_swish"), 8, 8)
    with pytest.raises(ValueError, match="recipe int16x8 cannot write it .hard_swish: TensorFlow"):
        networks.write_block(block, 8, recipes.recipe("int16x8"))
    with pytest.raises(ValueError, match="expected a block that computes"):
        networks.write_block(Block(Skip(), 8, 8), 8, INT8)
    strange = dataclasses.replace(INT8, name="strange", weights="float16")
    with pytest.raises(ValueError, match="strange: expected kernels and tensors of one of"):
        networks.write_child(CHILD, strange)


def test_benchmarks_import_neither_tensorflow_nor_keras():
    code = (
        "import sys, tools.benchmark\n"
        "from latency_models.measuring import block_benchmarks\n"
        "block_benchmarks.reference_model()\n"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
