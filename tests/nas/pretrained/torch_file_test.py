"""Reading PyTorch's files. The streams are made here, by the description of the format."""

import collections
import io
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from nas.pretrained import torch_file

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}


class Storage:
    """What a pickle refers to instead of holding it."""

    def __init__(self, kind, key, size, view=None):
        self.pid = ("storage", kind, key, "cpu", size, view)


class Tensor:
    def __init__(self, *args):
        self.args = args

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.args


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """Modules of the names that a stream contains."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "ShortStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))

    def _rebuild_tensor_v2(*args):
        raise AssertionError("only its name is used")

    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)
    return torch


def stream(named, storages, head=(MAGIC, PROTOCOL, SYSTEM), keys=None):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return obj.pid if isinstance(obj, Storage) else None

    out = io.BytesIO()
    for value in (*head, named, list(storages) if keys is None else keys):
        Pickler(out, 2).dump(value)
    for values in storages.values():
        out.write(struct.pack("<q", len(values)) + values.tobytes())
    return out.getvalue()


@pytest.fixture
def good(torch):
    weights, count = np.arange(12, dtype="<f4"), np.array([7], "<i8")
    a, b = Storage(torch.FloatStorage, "a", 12), Storage(torch.LongStorage, "b", 1)
    named = collections.OrderedDict(
        whole=Tensor(a, 0, (3, 4), (4, 1), False, collections.OrderedDict()),
        turned=Tensor(a, 0, (4, 3), (1, 4), False, collections.OrderedDict()),
        part=Tensor(a, 5, (2,), (3,), False, collections.OrderedDict()),
        count=Tensor(b, 0, (), (), False, collections.OrderedDict()),
    )
    return named, {"a": weights, "b": count}


def read(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    return torch_file.read(path)


def test_tensors_are_parts_of_storages(tmp_path, good):
    found = read(tmp_path, stream(*good))
    whole = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(found["whole"], whole)
    np.testing.assert_array_equal(found["turned"], whole.T)
    np.testing.assert_array_equal(found["part"], [5.0, 8.0])
    assert found["count"] == 7 and found["count"].dtype == np.int64


class Hostile:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "call", [(os.system, "touch hacked"), (eval, "1"), (getattr, "", "join"), (bytearray, 9)]
)
def test_nothing_but_tensors_is_admitted(tmp_path, monkeypatch, good, call):
    monkeypatch.chdir(tmp_path)
    named, storages = good
    for bad in ({"x": Hostile(*call)}, Hostile(*call)):
        with pytest.raises(ValueError, match="named tensors and nothing else, .*it asks for"):
            read(tmp_path, stream(bad, storages))
    with pytest.raises(ValueError, match="it asks for"):
        read(tmp_path, stream(named, storages, head=(Hostile(*call), PROTOCOL, SYSTEM)))
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (4, 4), (4, 1)),
        (1, (3, 4), (4, 1)),
        (0, (2, 2), (11, 1)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
        (0, (2**40,), (0,)),
        (0, (True,), (1,)),
        (0, (2.0,), (1,)),
    ],
)
def test_a_tensor_outside_of_its_storage_is_refused(tmp_path, torch, offset, shape, strides):
    storage = Storage(torch.FloatStorage, "a", 12)
    named = {"x": Tensor(storage, offset, shape, strides, False, None)}
    with pytest.raises(ValueError, match="received something else"):
        read(tmp_path, stream(named, {"a": np.arange(12, dtype="<f4")}))


def test_other_faults_are_named(tmp_path, torch, good):
    named, storages = good
    whole = stream(named, storages)
    cases = {
        "does not begin": stream(named, storages, head=(1, PROTOCOL, SYSTEM)),
        "little-endian": stream(named, storages, head=(MAGIC, PROTOCOL, {})),
        "named tensors": stream([1, 2], storages),
        "other objects": stream({"x": 3.0}, storages),
        "its storages": stream(named, storages, keys=["a"]),
        "a storage has": stream(
            {"x": Tensor(Storage(torch.FloatStorage, "a", 9), 0, (1,), (1,), False, None)},
            {"a": storages["a"]},
        ),
        "ShortStorage": stream(
            {"x": Tensor(Storage(torch.ShortStorage, "a", 1), 0, (1,), (1,), False, None)},
            {"a": storages["a"]},
        ),
        "a view": stream(
            {"x": Tensor(Storage(torch.FloatStorage, "a", 12, ("v", 0, 1)), 0, (), (), 0, None)},
            storages,
        ),
        "zip archive": b"PK\x03\x04" + whole,
        "received something else": b"",
    }
    for text, content in cases.items():
        with pytest.raises(ValueError, match=text):
            read(tmp_path, content)


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path, good):
    whole = stream(*good)
    for length in range(0, len(whole), 7):
        with pytest.raises(ValueError, match="received something else"):
            read(tmp_path, whole[:length])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="no.pth: expected a file of PyTorch weights"):
        torch_file.read(tmp_path / "no.pth")
