"""Running `.tflite` files; the one module that builds interpreters.

The runtime is `ai-edge-litert`. Where it is not installed, as on older devices, `tflite_runtime`
serves in its place: both offer the same `Interpreter`.
"""

import io
import os
import pathlib
import threading
import zipfile
from collections.abc import Sequence
from concurrent import futures
from importlib import metadata
from typing import Any

import numpy as np

from nas import chatter

try:
    from ai_edge_litert import interpreter as litert

    _RUNTIME = "ai-edge-litert"
except ModuleNotFoundError as error:
    if error.name != "ai_edge_litert":
        raise
    from tflite_runtime import interpreter as litert

    _RUNTIME = "tflite-runtime"

Path = str | os.PathLike[str]

# What announces files inside a model.
_METADATA, _ARCHIVED_FILE = b"TFLITE_METADATA", b"PK\x03\x04"

# Far above the rounding error of a float32 of at most 128, far below a level.
_TIE = 1e-3

_loading = threading.Lock()


def runtime() -> str:
    """Name and version of the runtime, for example `ai-edge-litert 2.3.0`."""
    return f"{_RUNTIME} {metadata.version(_RUNTIME)}"


def load(content_or_path: bytes | Path, num_threads: int = 1) -> Any:
    """An interpreter with its tensors allocated, ready for `set_tensor` and `invoke`.

    Args:
        content_or_path: the file's bytes, or where it lies.
        num_threads: threads the runtime may use inside one `invoke`.

    Raises:
        ValueError: no such file, not a whole `.tflite` file, or operations the runtime lacks.
    """
    if isinstance(content_or_path, bytes):
        name, content = "model", content_or_path
    else:
        name = os.fspath(content_or_path)
        try:
            content = pathlib.Path(name).read_bytes()
        except OSError as error:
            raise ValueError(f"{name}: expected a .tflite file ({error.strerror})") from None
    # Identifier of the format, at bytes 4 to 7: file_identifier in TensorFlow Lite's schema.
    if content[4:8] != b"TFL3":
        raise ValueError(f"{name}: expected a .tflite file, received something else")
    # The labels inside a file are a zip archive at its end, which runtimes do not look at.
    has_files = _METADATA in content and _ARCHIVED_FILE in content
    if has_files and not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError(
            f"{name}: expected a whole .tflite file, received {len(content)} bytes whose end is "
            "missing"
        )
    # The runtime greets on stderr. Redirecting a process' stderr is not for two threads at a time.
    with _loading, chatter.silenced():
        interpreter, fault = _build(content, num_threads)
    if interpreter is None:
        raise ValueError(f"{name}: {fault}")
    return interpreter


def _build(content: bytes, num_threads: int) -> tuple[Any, str]:
    """An interpreter, or None and what is wrong."""
    try:
        interpreter = litert.Interpreter(model_content=content, num_threads=num_threads)
    except ValueError as error:
        if "Didn't find op" in str(error):
            return None, f"{runtime()} cannot run it ({_first_line(error)})"
        return None, (
            f"expected a whole .tflite file, received {len(content)} bytes that are damaged "
            f"({_first_line(error)})"
        )
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        return None, f"{runtime()} cannot run it ({_first_line(error)})"
    return interpreter, ""


def predict(
    content: bytes, images: Sequence[np.ndarray] | np.ndarray, num_workers: int | None = None
) -> np.ndarray:
    """Logits of a network for many images.

    Images run one at a time, as on a phone, each worker with an interpreter of its own: the runtime
    lets go of Python's lock while it computes.

    Args:
        content: a `.tflite` file with one image in, one vector out, of float32, int8 or uint8.
        images: float32 `[count, height, width, channels]` in [-1, 1].
        num_workers: images computed at a time; default all cores of this process.

    Returns:
        float32 `[count, classes]`, dequantized.

    Raises:
        ValueError: not a `.tflite` file, or images of another shape than it expects.
    """
    first = load(content)
    expected = tuple(first.get_input_details()[0]["shape"][1:])
    if np.shape(images)[1:] != expected:
        raise ValueError(
            f"images: expected shape [count, {', '.join(map(str, expected))}], "
            f"received {list(np.shape(images))}"
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
    """Float values as the input tensor takes them; floats are passed on.

    Args:
        values: float32 of any shape.
        tensor: an entry of `get_input_details()`.
    """
    if tensor["dtype"] == np.float32:
        return values
    scale, zero_point = tensor["quantization"]
    limits = np.iinfo(tensor["dtype"])
    # Pixels lie half-way between two levels. Going up, a rounding error notwithstanding, gives the
    # pixel itself as uint8 and the pixel less 128 as int8: what an app passes on.
    levels = np.floor(values / scale + (0.5 + _TIE)) + zero_point
    return np.clip(levels, limits.min, limits.max).astype(tensor["dtype"])


def dequantize(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Values of an output tensor as float32; the inverse of `quantize`.

    Args:
        values: of the tensor's own type.
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
