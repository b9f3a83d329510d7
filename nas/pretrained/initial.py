"""The weights that a child's training begins with."""

import dataclasses
import pathlib

import numpy as np

from nas import files
from nas.architecture.specs import Child
from nas.layers import keras_network
from nas.pretrained import init_names, network_weights, seeds

# Draws what a seed does not have.
_STREAM = 5


@dataclasses.dataclass(frozen=True, eq=False)
class Initial:
    """Weights to begin with.

    Attributes:
        arrays: as `keras_network.build_child(child).get_weights()` gives them.
        is_cut: whether the network was cut out of another one, so that its moments do not fit.
    """

    arrays: list[np.ndarray]
    is_cut: bool


def input_files(init: str) -> list[str]:
    """Returns the absolute paths of the files that `init` names, on whose content results depend.

    The weights of a search are no such files, since a command names them by its child.
    """
    return seeds.input_files(init) if init_names.is_pretrained(init) else []


def of_search(child: Child, path: files.Path) -> Initial:
    """Returns the weights that a search left for its child.

    Args:
        child: the network.
        path: the search's `child.keras`.

    Raises:
        ValueError: there is no such file, or it has another network.
    """
    if not pathlib.Path(path).exists():
        raise ValueError(
            f"init: expected {path}, the child with the weights of its search, found none; search "
            "again with tools.search, or use --init=random"
        )
    found = seeds.read_ours(pathlib.Path(path), child)
    return Initial(network_arrays(found), False)


def of_seed(child: Child, init: str, seed: int) -> Initial:
    """Returns the weights of a child that begins with those of a seed network.

    Args:
        child: the network.
        init: as for `seeds.load`.
        seed: draws what the seed network does not have.

    Raises:
        ValueError: as for `seeds.load`.
    """
    found = seeds.load(init, child)
    weights = found.network(child, np.random.default_rng((seed, _STREAM)))
    return Initial(network_arrays(weights), not found.is_seed(child))


def network_arrays(weights: network_weights.NetworkWeights) -> list[np.ndarray]:
    """Returns weights in the order of the Keras network's."""
    model = keras_network.build_child(weights.child)
    weights.apply_to(model)
    return model.get_weights()
