"""Runs `.tflite` files; the only module that builds interpreters.

The runtime is `ai-edge-litert`. If it is not installed, as on older devices, `tflite_runtime` is
used instead; both have the same `Interpreter`.
"""

import io
import os
import threading
import zipfile
from collections.abc import Sequence
from concurrent import futures
from importlib import metadata
from typing import Any

import numpy as np

from nas import chatter, reading
from nas.file_kinds import TFLITE

try:
    from ai_edge_litert import interpreter as litert

    _RUNTIME = "ai-edge-litert"
except ModuleNotFoundError as error:
    if error.name != "ai_edge_litert":
        raise
    from tflite_runtime import interpreter as litert

    _RUNTIME = "tflite-runtime"

Path = str | os.PathLike[str]

# Bytes that occur in a model with files inside.
_METADATA, _ARCHIVED_FILE = b"TFLITE_METADATA", b"PK\x03\x04"

# Much larger than the rounding error of a float32 up to 128, much smaller than a level.
_TIE = 1e-3

_loading = threading.Lock()


def runtime() -> str:
    """Returns name and version of the runtime, for example `ai-edge-litert 2.3.0`."""
    return f"{_RUNTIME} {metadata.version(_RUNTIME)}"


def load(content_or_path: bytes | Path, num_threads: int = 1) -> Any:
    """Makes an interpreter with its tensors allocated, ready for `set_tensor` and `invoke`.

    Args:
        content_or_path: the file's bytes or its path.
        num_threads: threads that the runtime may use inside one `invoke`.

    Raises:
        ValueError: the file is missing, no complete `.tflite` file, or has operations that the
            runtime lacks.
    """
    if isinstance(content_or_path, bytes):
        name, content = "model", content_or_path
    else:
        name = os.fspath(content_or_path)
        content = reading.content(name, TFLITE)
    # Identifier of the format, at bytes 4 to 7: file_identifier in TensorFlow Lite's schema.
    if content[4:8] != b"TFL3":
        raise ValueError(f"{name}: expected a .tflite file, received something else")
    # Runtimes ignore the labels, a zip archive at the file's end, so a cut is not noticed there.
    has_files = _METADATA in content and _ARCHIVED_FILE in content
    if has_files and not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(
            f"{name}: expected a complete .tflite file, received {len(content)} bytes without its "
            "end; copy or export the file again"
        )
    # The runtime writes to stderr. Two threads must not redirect the process' stderr together.
    with _loading, chatter.silenced():
        interpreter, fault = _build(content, num_threads)
    if interpreter is None:
        raise ValueError(f"{name}: {fault}")
    return interpreter


def _build(content: bytes, num_threads: int) -> tuple[Any, str]:
    """Builds an interpreter; returns it with an empty text, or None with the fault."""
    try:
        interpreter = litert.Interpreter(model_content=content, num_threads=num_threads)
    except ValueError as error:
        if "Didn't find op" in str(error):
            return None, f"{runtime()} cannot run it ({_first_line(error)})"
        return None, (
            f"expected a complete .tflite file, received {len(content)} damaged bytes "
            f"({_first_line(error)}); copy or export the file again"
        )
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        return None, f"{runtime()} cannot run it ({_first_line(error)})"
    return interpreter, ""


def predict(
    content: bytes, images: Sequence[np.ndarray] | np.ndarray, num_workers: int | None = None
) -> np.ndarray:
    """Computes the logits of a file for many images.

    Every `invoke` takes one image, as on a phone. Several workers run in threads, each with its own
    interpreter, since the runtime releases Python's lock while it computes.

    Args:
        content: a `.tflite` file with one image as input and one vector as output, of type float32,
            int8 or uint8.
        images: float32 `[count, height, width, channels]` in [-1, 1].
        num_workers: images computed at the same time; default all cores of this process.

    Returns:
        float32 `[count, classes]`, dequantized.

    Raises:
        ValueError: the content is no `.tflite` file, or the images do not have its input shape.
    """
    first = load(content)
    expected = tuple(first.get_input_details()[0]["shape"][1:])
    if np.shape(images)[1:] != expected:
        raise ValueError(
            f"images: expected shape [count, {', '.join(map(str, expected))}], "
            f"received {list(np.shape(images))}; use images of the file's resolution"
        )
    num_workers = max(1, min(num_workers or _num_cores(), len(images)))
    interpreters = [first, *(load(content) for _ in range(num_workers - 1))]
    parts = np.array_split(np.arange(len(images)), num_workers)
    with futures.ThreadPoolExecutor(num_workers) as pool:
        logits = pool.map(
            lambda interpreter, part: _run(interpreter, images, part), interpreters, parts
        )
    return np.concatenate(list(logits))


def _run(interpreter: Any, images: Any, indices: np.ndarray) -> np.ndarray:
    given = interpreter.get_input_details()[0]
    made = interpreter.get_output_details()[0]
    logits = np.empty((len(indices), *made["shape"][1:]), np.float32)
    for row, index in enumerate(indices):
        image = quantize(np.asarray(images[index], np.float32), given)
        interpreter.set_tensor(given["index"], image[np.newaxis])
        interpreter.invoke()
        logits[row] = dequantize(interpreter.get_tensor(made["index"])[0], made)
    return logits


def quantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Quantizes float values for an input tensor; for a float tensor returns them unchanged.

    Args:
        values: float32 of any shape.
        tensor: an entry of `get_input_details()`.
    """
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    # Pixels lie half-way between two levels. Rounding up, with a margin for float errors, gives the
    # pixel itself as uint8 and the pixel minus 128 as int8, as an app passes them.
    levels = np.floor(values / scale + (0.5 + _TIE)) + zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor["dtype"])


def dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Returns the values of an output tensor as float32; the inverse of `quantize`.

    Args:
        values: values of the tensor's own type.
        tensor: an entry of `get_output_details()`.
    """
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _num_cores() -> int:
    # Only Linux knows which cores a process may use.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")
