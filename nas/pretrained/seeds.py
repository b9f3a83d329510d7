"""Finds the weights that a training or a search is told to begin with."""

import os
import pathlib

import keras

from nas import reading
from nas.architecture import spaces
from nas.architecture.specs import Child, SearchSpace
from nas.layers import keras_file, keras_network
from nas.pretrained import adapting, efficientnet_lite0, keras_applications, network_weights
from nas.pretrained.adapting import Seed
from nas.pretrained.network_weights import NetworkWeights

IMAGENET = "imagenet"
# Networks with public weights, each before those whose layers lie alike.
_PUBLIC = (efficientnet_lite0.NAME, *keras_applications.NAMES)
_CHILD_FILE = "child.json"


def load(init: str, network: Child | SearchSpace) -> Seed:
    """Reads a seed for a network or a space.

    Args:
        init: `imagenet` for the public weights of the network whose layers lie where those of
            `network` do, or a file: `.pth` (EfficientNet-Lite0), `.h5` (of `keras.applications`),
            or a `.keras` or `.weights.h5` of ours with its `child.json` beside it.
        network: what shall begin with it.

    Raises:
        ValueError: there are no such weights, the file is damaged, or the network's layers lie
            otherwise than the seed's.
    """
    weights = _public(network) if init == IMAGENET else _read(pathlib.Path(init), network)
    seed = Seed(weights)
    seed.check(network)
    return seed


def input_files(init: str) -> list[str]:
    """Returns the absolute paths of the files that `init` names; none for public weights.

    A file of ours comes with the `child.json` that describes its network.
    """
    if init == IMAGENET:
        return []
    path = pathlib.Path(init)
    found = [path, *(_descriptions(path) if _is_ours(path) else [])]
    return [os.path.abspath(one) for one in found]


def _public(network: Child | SearchSpace) -> NetworkWeights:
    name = _public_name(network)
    if name == efficientnet_lite0.NAME:
        return efficientnet_lite0.load(efficientnet_lite0.packaged_file())
    return keras_applications.load(name)


def _public_name(network: Child | SearchSpace) -> str:
    """Returns the published network that is most like a network or a space."""
    for name in _PUBLIC:
        if network.name == name or _has(network, spaces.PUBLISHED_CHILDREN[name]):
            return name
    for name in _PUBLIC:
        weights = spaces.PUBLISHED_CHILDREN[name]
        if adapting.strides(weights) == adapting.strides(network):
            return name
    raise ValueError(
        f"init: expected a network whose layers lie as in one of {', '.join(_PUBLIC)}, the ones "
        f"with public weights, received {network.name}; use --space=efficientnet_lite, or "
        "--init=random"
    )


def _has(network: Child | SearchSpace, child: Child) -> bool:
    """Whether a space has a network, or a child is one, apart from images and classes."""
    if isinstance(network, Child):
        return (network.stem, network.layers) == (child.stem, child.layers)
    try:
        network.choices(child)
    except ValueError:
        return False
    return True


def _read(path: pathlib.Path, network: Child | SearchSpace) -> NetworkWeights:
    if not path.is_file():
        raise ValueError(
            f"init: expected random, search, imagenet or a file of weights, found no file {path}; "
            "check the path"
        )
    if path.suffix == ".pth":
        return efficientnet_lite0.load(path)
    if _is_ours(path):
        return _ours(path)
    if path.suffix == ".h5":
        name = _public_name(network)
        if name in keras_applications.NAMES:
            return keras_applications.load(name, path)
        raise ValueError(
            f"init: expected weights of {name} for {network.name}, received {path}, a file of "
            "keras.applications, which does not have this network"
        )
    raise ValueError(
        f"init: expected a .keras, .weights.h5, .h5 or .pth file, received {path}; give weights of "
        "a known kind"
    )


def _is_ours(path: pathlib.Path) -> bool:
    return path.suffix == ".keras" or path.name.endswith(".weights.h5")


def _descriptions(path: pathlib.Path) -> list[pathlib.Path]:
    """The `child.json` of a file of ours; empty if there is none."""
    # A search leaves its weights one folder below its child.json.
    beside = [path.with_name(_CHILD_FILE), path.absolute().parent.with_name(_CHILD_FILE)]
    return [own for own in beside if own.exists()][:1]


def _ours(path: pathlib.Path) -> NetworkWeights:
    found = _descriptions(path)
    if not found:
        raise ValueError(
            f"init: expected {_CHILD_FILE} beside {path}, which describes its network, found none; "
            "copy it there"
        )
    return read_ours(path, spaces.load_child(str(found[0])))


def read_ours(path: pathlib.Path, child: Child) -> NetworkWeights:
    """Reads weights that a training or a search of ours has written.

    Args:
        path: a `.keras` or `.weights.h5` file.
        child: its network.

    Raises:
        ValueError: the file is missing or damaged, or has another network.
    """
    if path.suffix == ".keras":
        model = keras_file.load(path)
    else:
        model = keras_network.build_child(child)
        _load_weights(model, path, child)
    try:
        keras_network.check_built_from(model, child)
    except ValueError as error:
        raise ValueError(
            f"init: expected the weights of a {child.name} in {path}, received those of another "
            f"network ({error}); use the child.json beside that file, or --init=random"
        ) from error
    return network_weights.of_model(child, model)


def _load_weights(model: keras.Model, path: pathlib.Path, child: Child) -> None:
    reading.check_readable(path)
    try:
        model.load_weights(path)
    # h5py and Keras each raise errors of their own.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"{path}: expected weights of {child.name}, received a file that cannot be read as "
            f"such ({reason}); copy or train it again"
        ) from error
