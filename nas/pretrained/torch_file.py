"""Reads the tensors of a PyTorch file without PyTorch.

A file of `torch.save` before version 1.6 is a stream: a magic number, the protocol, the sizes of
types, the object itself, and the names of the storages, all pickled; then the storages, each with
its number of elements in front. The object says of every tensor which part of which storage it is.

A pickle can name any function of any module and have it called. The unpickler here knows six
kinds of storages, the function that makes a tensor, and ordered dictionaries, and refuses all else.
"""

import collections
import dataclasses
import io
import math
import pathlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nas import files

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_STORAGES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ByteStorage": np.dtype("u1"),
}


@dataclasses.dataclass(frozen=True)
class _Storage:
    """A storage that the object names: its key, its type, its number of elements."""

    key: str
    dtype: np.dtype
    size: int


@dataclasses.dataclass(frozen=True)
class _Tensor:
    """A part of a storage, as the object describes it; all in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, elements: np.ndarray) -> np.ndarray:
        """Returns the tensor out of the elements of its storage."""
        last = self.offset + sum(
            (size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True)
        )
        if 0 not in self.shape and last >= len(elements):
            raise ValueError(f"a tensor of {self.shape} lies outside of its storage")
        step = elements.itemsize
        return np.lib.stride_tricks.as_strided(
            elements[self.offset :], self.shape, [step * stride for stride in self.strides]
        ).copy()


def read(path: files.Path) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dictionary, by name.

    Args:
        path: a file that `torch.save` of version 1.5 or before has written.

    Raises:
        ValueError: the file is missing or damaged, or holds anything but named tensors.
    """
    try:
        content = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"{path}: expected a file of PyTorch weights, received one that cannot be read "
            f"({error.strerror}); check the path"
        ) from error
    if content.startswith(b"PK"):
        raise ValueError(
            f"{path}: expected a file as PyTorch wrote it before version 1.6, received a zip "
            "archive; save it again with _use_new_zipfile_serialization=False"
        )
    try:
        return _tensors(io.BytesIO(content))
    # A hostile or damaged stream can make the unpickler raise nearly anything.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(
            f"{path}: expected PyTorch weights, named tensors and nothing else, received something "
            f"else ({reason}); fetch the file again from where its authors publish it"
        ) from error


def _tensors(stream: io.BytesIO) -> dict[str, np.ndarray]:
    magic, protocol, system = (_Unpickler(stream).load() for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise ValueError("it does not begin like such a file")
    if not isinstance(system, Mapping) or not system.get("little_endian"):
        raise ValueError("its numbers are not little-endian")
    named = _Unpickler(stream).load()
    if not isinstance(named, dict) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in named.items()
    ):
        raise ValueError("it holds other objects than named tensors")
    keys = _Unpickler(stream).load()
    wanted = {tensor.storage.key: tensor.storage for tensor in named.values()}
    if not isinstance(keys, list) or set(keys) != set(wanted):
        raise ValueError("its storages are not those of its tensors")
    elements = {key: _elements(stream, wanted[key]) for key in keys}
    return {name: tensor.array(elements[tensor.storage.key]) for name, tensor in named.items()}


def _elements(stream: io.BytesIO, storage: _Storage) -> np.ndarray:
    size = int.from_bytes(stream.read(8), "little", signed=True)
    if size != storage.size:
        raise ValueError(f"a storage has {size} elements, expected {storage.size}")
    found = stream.read(size * storage.dtype.itemsize)
    return np.frombuffer(found, storage.dtype, count=size)


def _numbers(values: Any) -> tuple[int, ...]:
    """Returns sizes, offsets or strides; raises ValueError unless all are whole and at least 0."""
    if not isinstance(values, Sequence) or not all(
        type(value) is int and value >= 0 for value in values
    ):
        raise ValueError("a tensor has no shape")
    return tuple(values)


def _rebuild(
    storage: Any, offset: Any, shape: Any, strides: Any, requires_grad: Any, hooks: Any, *_: Any
) -> _Tensor:
    """Describes the tensor that `torch._utils._rebuild_tensor_v2` would make."""
    del requires_grad, hooks
    if not isinstance(storage, _Storage):
        raise ValueError("a tensor has no storage")
    sizes, steps = _numbers(shape), _numbers(strides)
    # So a file cannot ask for more memory than it has itself.
    if len(sizes) != len(steps) or math.prod(sizes) > storage.size:
        raise ValueError(f"a tensor of {sizes} does not fit its storage of {storage.size}")
    (first,) = _numbers([offset])
    return _Tensor(storage, first, sizes, steps)


class _Unpickler(pickle.Unpickler):
    """An unpickler that admits tensors, and the dictionaries and numbers around them."""

    _ADMITTED: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): collections.OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
        **{("torch", name): dtype for name, dtype in _STORAGES.items()},
    }

    def find_class(self, module: str, name: str) -> Callable:
        """Returns what stands for a name; raises ValueError for any that is not admitted."""
        if (module, name) not in self._ADMITTED:
            raise ValueError(f"it asks for {module}.{name}")
        return self._ADMITTED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """Returns the description of a storage."""
        kind, dtype, key, _, size, view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise ValueError("it refers to something that is no storage")
        if view is not None:
            raise ValueError("it has a view of a storage")
        (count,) = _numbers([size])
        return _Storage(key, dtype, count)
