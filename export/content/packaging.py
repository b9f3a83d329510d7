"""Turns the converter's output into the file that is shipped.

The converter writes long names, no metadata for apps, and the same vectors many times. The file is
therefore rewritten with metadata and a signature, with short names, with equal vectors stored once,
and with every buffer at a multiple of 16 bytes, as the schema requires. The computation does not
change: operations, tensors, their types, values and quantization stay the same.
"""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.content import flatbuffer, metadata, sharing_builder

_CONVERSION = b"CONVERSION_METADATA"
_INPUT_TYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.INT8: "int8",
    schema.TensorType.UINT8: "uint8",
}
INPUT, OUTPUT, SIGNATURE = "image", "logits", "serving_default"


def package(content: bytes, name: str, recipe_name: str, about: metadata.About) -> bytes:
    """Rewrites a converted classifier for shipping, as the module's docstring says.

    Args:
        content: output of `tflite.convert`, with one image as input and one vector of logits as
            output.
        name: name of the network.
        recipe_name: name of the recipe it was written by.
        about: description of the network for the metadata.

    Returns:
        The file's content; the same arguments give the same bytes.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    (graph,) = model.subgraphs
    (given,), (made,) = graph.inputs, graph.outputs
    _drop_unused_operator_codes(model, graph)
    # Removes the converter's own settings, which say nothing about the network.
    model.metadata = [entry for entry in model.metadata or () if entry.name != _CONVERSION]
    _keep_filled_buffers(model, graph)
    _share_tables(graph)
    for tensor in graph.tensors:
        tensor.name = _short(tensor.name)
    graph.tensors[given].name, graph.tensors[made].name = INPUT, OUTPUT
    model.description = name
    model.signatureDefs = [_signature(int(given), int(made))]
    image = graph.tensors[given]
    described = metadata.to_flatbuffer(
        about,
        name,
        recipe_name,
        tuple(int(size) for size in image.shape[1:]),
        _INPUT_TYPES[image.type],
        "probabilities" if "SOFTMAX" in flatbuffer.operators(content) else "logits",
    )
    _add_metadata(model, metadata.ENTRY, described)
    return metadata.with_files(sharing_builder.pack(model, 2 * len(content)), about.files)


def _drop_unused_operator_codes(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Removes unused operator codes, which quantization-aware networks have.

    A runtime must support every listed code, used or not.
    """
    used = sorted({operator.opcodeIndex for operator in graph.operators})
    for operator in graph.operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[index] for index in used]


def _keep_filled_buffers(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Removes unused buffers, and the empty buffers of computed tensors.

    By the schema the first buffer is empty; all tensors without content share it.
    """
    kept: dict[int, schema.BufferT] = {}
    for holder in (*graph.tensors, *model.metadata):
        buffer = model.buffers[holder.buffer]
        if buffer.data is None or not len(buffer.data):
            holder.buffer = 0
            continue
        kept.setdefault(holder.buffer, buffer)
        holder.buffer = 1 + list(kept).index(holder.buffer)
    model.buffers = [model.buffers[0], *kept.values()]


def _share_tables(graph: schema.SubGraphT) -> None:
    """Stores equal options of operations, and equal quantizations of tensors, only once."""
    written: dict[Any, int] = {}
    for operator in graph.operators:
        if operator.builtinOptions is not None:
            operator.builtinOptions = _Shared(operator.builtinOptions, written)
    for tensor in graph.tensors:
        if tensor.quantization is not None:
            tensor.quantization = _Shared(tensor.quantization, written)


class _Shared:
    """A table of the schema that is packed only once for all equal tables.

    Args:
        table: a table of numbers and arrays only.
        written: offsets of the tables that are already packed.
    """

    def __init__(self, table: Any, written: dict[Any, int]) -> None:
        self._table, self._written = table, written

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802
        """Packs the table; the table that refers to this one calls it by this name."""
        values = (
            value.tobytes() if isinstance(value, np.ndarray) else repr(value)
            for value in vars(self._table).values()
        )
        key = (type(self._table), *values)
        if key not in self._written:
            self._written[key] = self._table.Pack(builder)
        return self._written[key]


def _short(name: bytes) -> str:
    """Shortens `net_1/stem_relu_1/Relu6;net_1/stem_bn_1/add;...` to `stem_relu`, the layer."""
    first = name.decode().partition(";")[0].removeprefix("StatefulPartitionedCall/")
    network, *layers = first.split("/")
    if not layers:
        return network
    # If a network is traced a second time, all its scopes get numbers.
    layer = layers[0].removesuffix("_1") if network.endswith("_1") else layers[0]
    # Quantization-aware training adds this prefix.
    return layer.removeprefix("quant_")


def _signature(given: int, made: int) -> schema.SignatureDefT:
    return schema.SignatureDefT(
        inputs=[schema.TensorMapT(INPUT, given)],
        outputs=[schema.TensorMapT(OUTPUT, made)],
        signatureKey=SIGNATURE,
    )


def _add_metadata(model: schema.ModelT, name: str, content: bytes) -> None:
    model.buffers.append(schema.BufferT(np.frombuffer(content, np.uint8)))
    model.metadata.append(schema.MetadataT(name, len(model.buffers) - 1))
