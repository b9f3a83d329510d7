"""Packs a `.tflite` model into bytes: equal vectors stored once, buffers aligned for runtimes."""

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

# `force_align` of Buffer.data in TensorFlow Lite's schema, since runtimes compute on a mapped file.
BUFFER_ALIGNMENT = 16
_IDENTIFIER = b"TFL3"


def pack(model: schema.ModelT, size_bytes: int) -> bytes:
    """Returns the content of the file of `model`.

    Args:
        model: the model as objects of the schema.
        size_bytes: a guess of the size; with a good one nothing is copied to grow.
    """
    builder = _SharingBuilder(size_bytes)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """A builder that stores equal vectors and texts once, and aligns vectors of bytes.

    Without it, zero points alone would be a fifth of a small int8 file: 8 bytes of zero for each
    channel of a kernel, and again for its bias.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        """Overrides the method of the base class."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            if x.dtype == np.uint8:
                # Only the contents of buffers are vectors of bytes.
                self.Prep(BUFFER_ALIGNMENT, x.nbytes)
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def CreateString(self, s: Any, *arguments: Any) -> int:  # noqa: N802
        """Overrides the method of the base class."""
        key = ("text", s if isinstance(s, bytes) else s.encode())
        if key not in self._written:
            self._written[key] = super().CreateString(s, *arguments)
        return self._written[key]
